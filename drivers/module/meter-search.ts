import { answerOf, ask, wait, type Procedure } from './procedure.js'
import { pauseRouting } from './start-up.js'
import type { Workplace } from './workplace.js'

/** How often nodes announce themselves in a search, and in how many slices of 150 ms they spread. */
const repeats = 3
const timeSlices = 10

/**
 * Lets the network look for meters. It ends when the module says so, its time is over, or somebody has an exchange that cannot wait: a
 * relay order is worth more than a search, which can be started again. @source facts §4.7
 */
export function* searchMeters(place: Workplace, minutes: number): Procedure {
  const time = place.localTime()
  if (time === null) {
    place.trouble = 'no search without a trusted clock: the module wants to be told when to begin'
    return
  }
  if (!(yield* pauseRouting(place))) return place.lose('module-silent')
  place.searchEnded = false
  const started = yield* ask({ name: 'start-search', time, durationMin: minutes, repeats, timeSlices })
  if (started.kind === 'silent') return place.lose('module-silent')
  if (started.kind === 'denied') return place.refused('start-search', started.denial)
  const until = place.now + (minutes + 1) * 60_000
  const isOver = (): boolean => place.searchEnded || place.hasUrgent()
  while (place.now < until && !isOver()) {
    yield* wait(Math.min(place.settings.searchPollMs, until - place.now), isOver)
    if (isOver()) break
    const state = answerOf(yield* ask({ name: 'run-state' }), 'run-state')
    if (state !== null && state.learningDone && !state.working) break
  }
  const stopped = yield* ask({ name: 'stop-search' })
  if (stopped.kind === 'silent') place.lose('module-silent')
  // What it found it may have put into its archive.
  place.wantsAlign = true
}
