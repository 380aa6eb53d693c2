/** Figures of the collection that are the same for every task. */
export interface CollectionSettings {
  /** Repeats of one read inside a session, beyond the first try. */
  readonly repeats: number
  /** Pause before a failed live read is tried again; doubles up to `liveRetryMsMax` while the live window lasts. */
  readonly liveRetryMs: number
  readonly liveRetryMsMax: number
  /** From the end of the live window to the first question to the meter's own memory. */
  readonly backfillDelayMs: number
  /** Pause before a failed back-fill is tried again; doubles up to `backfillRetryMsMax` until the slot closes. */
  readonly backfillRetryMs: number
  readonly backfillRetryMsMax: number
  /** A meter that the bus holds back as silent is offered again after this. */
  readonly heldRetryMs: number
  /** A meter that its link's module does not carry is asked again after this; doubles up to `notCarriedRetryMsMax`. */
  readonly notCarriedRetryMs: number
  readonly notCarriedRetryMsMax: number
  /** After a bus was found down nothing is started on it for this long. */
  readonly busDownRetryMs: number
  /** Load records asked in one job; more would keep a bus from more urgent work for longer. */
  readonly recordsPerJobMax: number
  /** Daily freezes asked in one job. */
  readonly freezesPerJobMax: number
  /** Slots open at a time over all meters; when more fall due, the oldest of the same meter and task ends with what is known. */
  readonly openSlotsMax: number
  /** A meter whose clock differs by more than this keeps history of other instants than it says: absence `clock-wrong`. */
  readonly meterClockWrongMs: number
  /** No freeze is asked this long before local midnight: a fast meter would freeze between its time and its value. */
  readonly freezeQuietMs: number
  /** A missed slot found after a start or a clock step stays open at least this long for back-fill. */
  readonly catchUpMs: number
  /** From local midnight after a day to its closing when none of its slots is open, and at the latest. */
  readonly dayClosesAfterMs: number
  readonly dayClosesAtLatestMs: number
  /** A threshold watch or boundary reading is tried for this long. */
  readonly watchWindowMs: number
  /** Of each bus's time, what back-fill may take in an hour; the rest stays for what nobody has planned. */
  readonly backfillShare: number
  /** A register that a meter refused is asked for again after so long. */
  readonly refusedRetryMs: number
  /** A meter that has answered nothing for so long is told as vanished. */
  readonly vanishedAfterMs: number
  /** Days that a meter did not give its freeze for and that are asked for when it answers again; the oldest is forgotten first. */
  readonly lostDaysMax: number
  /** A failed threshold watch is tried anew after this; doubles up to `watchRetryMsMax`. */
  readonly watchRetryMs: number
  readonly watchRetryMsMax: number
}

export const defaultCollectionSettings: CollectionSettings = {
  repeats: 2,
  liveRetryMs: 3_000,
  liveRetryMsMax: 60_000,
  backfillDelayMs: 20_000,
  backfillRetryMs: 120_000,
  backfillRetryMsMax: 1_800_000,
  heldRetryMs: 15_000,
  notCarriedRetryMs: 15_000,
  notCarriedRetryMsMax: 3_600_000,
  busDownRetryMs: 5_000,
  recordsPerJobMax: 12,
  freezesPerJobMax: 4,
  openSlotsMax: 200_000,
  meterClockWrongMs: 300_000,
  freezeQuietMs: 900_000,
  catchUpMs: 6 * 3_600_000,
  dayClosesAfterMs: 6.5 * 3_600_000,
  dayClosesAtLatestMs: 30.5 * 3_600_000,
  watchWindowMs: 120_000,
  backfillShare: 0.5,
  refusedRetryMs: 30 * 24 * 3_600_000,
  vanishedAfterMs: 72 * 3_600_000,
  lostDaysMax: 62,
  watchRetryMs: 30_000,
  watchRetryMsMax: 900_000,
}
