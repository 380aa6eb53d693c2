import type { InputError, MeterAddress, MonotonicMs } from '../model/index.js'

/** A meter behind a local module: the module must know which protocol it speaks. */
export interface MeshNode {
  readonly address: MeterAddress
  /** By the name that settings use: `dlt645-2007`. */
  readonly protocol: string
}

/** What a module says of itself. */
export interface MeshModule {
  readonly vendor: string
  readonly chip: string
  /** Of its firmware, as it prints it. */
  readonly version: string
  readonly medium: 'narrowband' | 'broadband' | 'wireless' | 'dual'
  /** Who decides which meter is read next. */
  readonly led: 'concentrator' | 'module' | 'either'
  readonly mainNode: MeterAddress
  readonly nodesMax: number
  readonly frameBytesMax: number
}

export type MeshPhase = 'A' | 'B' | 'C'

/** What is known of one node of the network. */
export interface MeshNodeState {
  readonly address: MeterAddress
  /** Null: the module has not told. */
  readonly inNetwork: boolean | null
  /** Hops from the concentrator, 0: heard directly; null: not known. */
  readonly level: number | null
  readonly relay: MeterAddress | null
  readonly phases: readonly MeshPhase[]
  /** 0 … 15, 15 the best; null: not known. */
  readonly quality: number | null
  readonly lastReplyAt: MonotonicMs | null
  /** Exchanges with it, and how many of them brought a reply. */
  readonly asked: number
  readonly replied: number
  /**
   * `slow`: it answers, late or seldom. `hopeless`: in the archive for a day of tries and never in the network nor heard: somebody has
   * to go there.
   */
  readonly verdict: 'unknown' | 'good' | 'slow' | 'hopeless'
}

export interface MeshSnapshot {
  /** `starting`: the module is asked who it is; `aligning`: its archive is brought in line; `ready`: meters are read. */
  readonly stage: 'down' | 'starting' | 'aligning' | 'networking' | 'ready'
  /** Why it is not ready, or what it refused last; empty: nothing. */
  readonly trouble: string
  readonly module: MeshModule | null
  readonly nodes: readonly MeshNodeState[]
  /** Since the start. */
  readonly moduleRestarts: number
  /** Of a radio that shares the air by our own count. */
  readonly air?: MeshAir
}

/** What a radio has had of the air; since the start where nothing else is said. */
export interface MeshAir {
  readonly sentMs: number
  readonly heardMs: number
  readonly packetsSent: number
  readonly packetsHeard: number
  /** Exchanges that followed a failed one with the same node. */
  readonly retries: number
  /** Requests that did not leave because the hour's share was spent. */
  readonly refused: number
  /** Sent within the hour behind, and what an hour may have. */
  readonly hourSpentMs: number
  readonly hourMs: number
}

/** What a network tells by itself. */
export type MeshReport =
  /** The module came up; `replaced`: it is not the one that was here before. */
  | { readonly kind: 'module-started'; readonly module: MeshModule; readonly replaced: boolean }
  | { readonly kind: 'module-lost'; readonly code: string }
  /** The module's list differed from ours and was brought in line. */
  | { readonly kind: 'archive-aligned'; readonly added: number; readonly removed: number; readonly lost: boolean }
  /** The module refused something that it should do. */
  | { readonly kind: 'module-refused'; readonly what: string; readonly error: InputError }
  /** A node registered that the archive does not have: it is told, and never read for billing before it is adopted. */
  | { readonly kind: 'unknown-node'; readonly address: MeterAddress; readonly protocol: string | null }
  | { readonly kind: 'node-joined'; readonly address: MeterAddress }
  | { readonly kind: 'node-left'; readonly address: MeterAddress }
  /**
   * A meter's own report, in its protocol's bytes. `address` null: the module names no meter, but the frame may. `protocol` null: not a
   * meter's frame (power-fail reports of a module's maker).
   */
  | {
      readonly kind: 'meter-event'
      readonly address: MeterAddress | null
      readonly protocol: string | null
      readonly bytes: Uint8Array
    }

/** The network behind a local module, PLC or radio. */
export interface MeshNetwork {
  /** The nodes that the module must know, no more and no fewer: brought in line by difference now, and after each restart of the module. */
  setNodes(nodes: readonly MeshNode[]): void
  snapshot(): MeshSnapshot
  onReport(handler: (report: MeshReport) => void): void
  /** Lets the network look for meters it does not have, for so many minutes; what it finds is reported. */
  search(minutes: number): void
  /**
   * How long this broadcast takes until it has reached the meters, ms, so that a time can be put into it; null: the module does not
   * tell. The line is kept free for a few seconds for the broadcast itself. Absent: broadcasts take no time worth mentioning.
   */
  broadcastDelayMs?(bytes: Uint8Array): Promise<number | null>
  /**
   * Hands back the exchange that waits for the module to ask for its meter, for something more urgent: it ends with `bus-down`, code
   * `recalled`, not sent. Nothing happens when none waits, or it has left.
   */
  recall?(meter: MeterAddress): void
}
