import type { MeterAddress } from '../../model/index.js'
import type { ReadOutcome, ReadPlan, Session } from '../../ports/index.js'
import { nth } from './bytes.js'
import { andThen, settled } from '../wire/sessions.js'
import { readJob, type Line } from './job-session.js'
import { checkRegister } from './notation.js'
import { readError, unsupportedRead } from '../wire/read-errors.js'
import { halves, planJobs, type Job } from './read-jobs.js'
import { failedJob, type JobResult, type Reading } from './read-results.js'

/**
 * Reads registers with as few requests as they need: attributes in lists, columns of the same rows together.
 *
 * A list that is refused as a whole, is garbled or does not fit its request is asked again in halves, down to single
 * objects. A register that fails does not end the plan, but a meter that says nothing does: after one silent request when nothing was
 * heard of it yet, after two in a row else, the rest is not asked, as each would cost all its deadlines again. A link that was away
 * ends it likewise, and the rest bears that reason. A meter that refuses plain requests is asked once with a random number, and then
 * for the rest of the plan when that helped.
 */
export function readRegisters(plan: ReadPlan): Session<readonly ReadOutcome[]> {
  const { jobs, unsupported } = planJobs(plan.registers, plan.replyBytesMax)
  const readings = new Map<number, Reading>()
  for (const { index, message } of unsupported) readings.set(index, { ok: false, error: unsupportedRead(message) })
  const line: Line = { heard: false, silent: 0, isDown: false, isSecured: false }
  return andThen(readJobs({ plan, jobs, readings, line }), (found) => settled(outcomes(plan, found)))
}

/** Reads one register. */
export function readRegister(address: MeterAddress, register: string, repeats: number): Session<ReadOutcome> {
  return andThen(readRegisters({ address, repeats, registers: [{ register }] }), (outcomes) => settled(nth(outcomes, 0)))
}

interface Progress {
  readonly plan: ReadPlan
  readonly jobs: readonly Job[]
  readonly readings: ReadonlyMap<number, Reading>
  readonly line: Line
}

type Readings = ReadonlyMap<number, Reading>

function readJobs({ plan, jobs, readings, line }: Progress): Session<Readings> {
  const [job, ...rest] = jobs
  if (job === undefined) return settled(readings)
  if (line.silent >= (line.heard ? 2 : 1)) {
    const error = line.isDown
      ? readError('bus-down', 'not asked: the link was not there before')
      : readError('no-reply', 'not asked: the meter was silent before')
    return readJobs({ plan, jobs: rest, readings: noted(readings, job, failedJob(job, error, [], false)), line })
  }
  return andThen(readJob(plan, job, line), ({ result, line: after }) => {
    const split = result.maySplit ? halves(job) : null
    if (split !== null) return readJobs({ plan, jobs: [...split, ...rest], readings, line: after })
    return readJobs({ plan, jobs: rest, readings: noted(readings, job, result), line: after })
  })
}

function noted(readings: Readings, job: Job, result: JobResult): Readings {
  const all = new Map(readings)
  for (const [place, { index }] of job.entries.entries()) all.set(index, joined(all.get(index), nth(result.readings, place)))
  return all
}

/** Parts of one register's rows, in the order of time. One that failed fails all: rows that were not read are not rows that are not kept. */
function joined(before: Reading | undefined, part: Reading): Reading {
  if (before === undefined || !part.ok) return part
  return before.ok ? { ...part, records: [...before.records, ...part.records] } : before
}

/** In the plan's order, each register as it is written. */
function outcomes({ registers }: ReadPlan, readings: Readings): readonly ReadOutcome[] {
  const inOrder = registers.map((_, index) => readings.get(index))
  return registers.map(({ register }, index) => {
    const checked = checkRegister(register)
    return { register: checked.ok ? checked.value : register, ...nth(inOrder, index) }
  })
}
