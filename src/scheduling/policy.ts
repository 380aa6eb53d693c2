/** How one bus shares its time. */
export interface SchedulingPolicy {
  /** Jobs that may wait; further ones are refused. */
  readonly queueMax: number
  /** Relay orders and live calls may still queue when the others may not. */
  readonly urgentReserve: number
  /** Meters whose history is kept; the one heard of first is forgotten first. */
  readonly metersMax: number
  /** A trusted meter is taken for silent after so many failures in a row. */
  readonly failuresUntilSilent: number
  /** A meter that has come back is trusted after so many replies in a row; until then one failure is enough. */
  readonly repliesUntilTrusted: number
  /** Pause before the first probe of a silent meter; doubled after each failed one, with jitter of a quarter. */
  readonly probeFirstMs: number
  readonly probeMaxMs: number
  /** Share of a bus's time that all its silent meters together may cost, once they are known to be silent. */
  readonly probeShare: number
  /** Unused probe time is kept up to this. */
  readonly probeCreditMsMax: number
  readonly firstByte: FirstByteLimits
}

/** Bounds of the deadline for a reply's first byte, counted from the end of the request. */
export interface FirstByteLimits {
  /** However quick a meter has been, one reply that is late now and then must not meet the next request on the wire. */
  readonly floorMs: number
  /** For meters that are not known yet. @source DL/T 645-2007, 5.2: Td ≤ 500 ms, plus a margin */
  readonly ceilingMs: number
  /** For writes: their reply is worth waiting for, a lost one must be verified. */
  readonly writeMs: number
  /** Added to what was learned: the host and a serial server are late at times, too. */
  readonly marginMs: number
  /** Replies to be seen before the deadline is less than the ceiling. */
  readonly samplesMin: number
}

export const defaultSchedulingPolicy: SchedulingPolicy = {
  queueMax: 4096,
  urgentReserve: 64,
  metersMax: 4096,
  failuresUntilSilent: 2,
  repliesUntilTrusted: 8,
  probeFirstMs: 5_000,
  probeMaxMs: 300_000,
  probeShare: 0.02,
  probeCreditMsMax: 1_000,
  firstByte: { floorMs: 150, ceilingMs: 550, writeMs: 1_000, marginMs: 50, samplesMin: 4 },
}

/** For networks behind a module: an exchange takes seconds and a node that lost its way back takes minutes to find another. */
export const meshSchedulingPolicy: SchedulingPolicy = {
  ...defaultSchedulingPolicy,
  queueMax: 16_384,
  failuresUntilSilent: 3,
  repliesUntilTrusted: 2,
  probeFirstMs: 120_000,
  probeMaxMs: 3_600_000,
  probeCreditMsMax: 60_000,
}
