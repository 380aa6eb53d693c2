import type { MasterId, Stream } from '../model/index.js'

/** The connection to one master, as the console and the status stream show it. */
export interface UplinkState {
  readonly master: MasterId
  readonly state: 'offline' | 'connecting' | 'greeting' | 'online'
  readonly broker: string
  readonly since: number
  readonly lastError: string | null
  readonly outstandingBytes: number
  readonly marks: Readonly<Record<Stream, number>>
  readonly reconnects: number
}

/** Delivers the streams and takes in orders; MQTT is behind it. */
export interface Uplink {
  start(): void
  state(): readonly UplinkState[]
  /** The network is back: whoever waits to connect tries now. */
  linkUp(): void
  /** Sends a range again, behind everything that is new; what waits for a connection is forgotten by a restart. Null: to every master. */
  replay(range: { readonly stream: Stream; readonly first: number; readonly count: number }, master: MasterId | null): void
  /** Lets every session look at what is due; settles when each has: proof that they still turn. */
  turned(): Promise<void>
  close(): Promise<void>
}

/** Takes in a signed order from any side; the answer is what became of it, the outcome follows in the `result` stream. */
export type OrderIntake = (
  envelope: string,
  origin: 'uplink' | 'console',
) => Promise<
  { readonly accepted: true; readonly id: number } | { readonly accepted: false; readonly code: string; readonly message: string }
>
