import { dayMs, minuteMs, type RateSwitch } from '../../src/model/index.js'

/** Peak 8–11 and 18–21, sharp 11–13, valley 23–7, flat in between: rates as the grid numbers them. */
export const fourRateTable: readonly RateSwitch[] = [
  { minute: 0, rate: 4 },
  { minute: 420, rate: 3 },
  { minute: 480, rate: 2 },
  { minute: 660, rate: 1 },
  { minute: 780, rate: 3 },
  { minute: 1080, rate: 2 },
  { minute: 1260, rate: 3 },
  { minute: 1380, rate: 4 },
]

export const oneRateTable: readonly RateSwitch[] = [{ minute: 0, rate: 1 }]

/** The rate in force at a display time (ms, as `MeterClock` gives it). The table starts at minute 0. */
export function rateAt(table: readonly RateSwitch[], localMs: number): number {
  const minute = Math.floor((localMs % dayMs) / minuteMs)
  let rate = 1
  for (const entry of table) {
    if (entry.minute > minute) break
    rate = entry.rate
  }
  return rate
}

/** The next switch point or midnight strictly after a display time. */
export function nextSwitchAfter(table: readonly RateSwitch[], localMs: number): number {
  const midnight = Math.floor(localMs / dayMs) * dayMs
  for (const entry of table) {
    const at = midnight + entry.minute * minuteMs
    if (at > localMs) return at
  }
  return midnight + dayMs
}
