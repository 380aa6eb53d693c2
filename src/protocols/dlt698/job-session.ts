import { fail, ok } from '../../model/index.js'
import type { InputError, Result } from '../../model/index.js'
import type { ReadError, ReadPlan, Session } from '../../ports/index.js'
import type { ApduOf } from './apdu.js'
import { errorName, mayWantSecurity } from './dar.js'
import { andThen, settled } from '../wire/sessions.js'
import { type Unanswered } from '../wire/unanswered.js'
import { ask, type Answered } from './exchange.js'
import type { Question } from './question.js'
import { failedRead, invalidRead, readError } from '../wire/read-errors.js'
import { refusedRead } from './read-errors.js'
import { jobRequest, type Job } from './read-jobs.js'
import { withRandomNumber } from './security.js'
import { failedJob, jobResult, type Content, type JobResult } from './read-results.js'

/** Blocks of one answer (GET next); a longer chain is given up as `invalid`. */
export const blocksMax = 64

/** What is known of the meter within one session. */
export interface Line {
  /** Whether the meter has answered anything in this session. */
  readonly heard: boolean
  /** Requests in a row that met silence, or no link. */
  readonly silent: number
  /** Whether the latest of them met no link. */
  readonly isDown: boolean
  /** Whether this meter wants its requests with a random number. */
  readonly isSecured: boolean
}

/** What a request brought, and what is known of the meter now. */
export interface JobEnd {
  readonly result: JobResult
  readonly line: Line
}

/** One job, asked again with a random number when the plain request was refused for what may be that reason. */
export function readJob(plan: ReadPlan, job: Job, line: Line): Session<JobEnd> {
  return andThen(askJob({ plan, job, line, restarts: plan.repeats }), (plain) => {
    if (line.isSecured || !plain.result.dars.some(mayWantSecurity)) return settled(plain)
    const again = { plan, job, line: { ...plain.line, isSecured: true }, restarts: plan.repeats }
    return andThen(askJob(again), (wrapped) => {
      const helped = wrapped.result.readings.some((reading) => reading.ok)
      return settled(helped ? wrapped : plain)
    })
  })
}

interface Asking {
  readonly plan: ReadPlan
  readonly job: Job
  readonly line: Line
  /** How often a chain of blocks may still be started again. */
  readonly restarts: number
}

function askJob(asking: Asking): Session<JobEnd> {
  return ask(questionOf(asking, jobRequest(asking.job), false), (answer) => {
    if (answer.kind === 'yielded') return askJob(asking)
    if (answer.kind !== 'answered') return settled(unheard(asking, answer))
    return takeAnswer(asking, answer, null)
  })
}

/** GET next: the number is that of the block received last. A chain that breaks begins anew, at once when somebody else came in between. */
function askBlock(asking: Asking, chain: Chain): Session<JobEnd> {
  const { piid } = jobRequest(asking.job)
  const request = { kind: 'get-next', piid, block: chain.block, timeTag: null } as const
  return ask(questionOf(asking, request, true), (answer) => {
    if (answer.kind === 'yielded') return askJob(asking)
    if (answer.kind === 'answered') return takeAnswer(asking, answer, chain)
    if (answer.kind === 'bus-down' || asking.restarts === 0) return settled(unheard(asking, answer))
    return askJob({ ...asking, restarts: asking.restarts - 1 })
  })
}

function questionOf(
  { plan, line }: Asking,
  request: ApduOf<'get-one' | 'get-list' | 'get-record' | 'get-next'>,
  holdsBus: boolean,
): Question {
  const { address, repeats } = plan
  return { address, repeats, request: line.isSecured ? withRandomNumber(request) : request, holdsBus, isWrite: false }
}

/** Blocks of an answer so far. */
interface Chain {
  /** Number of the block that came last. */
  readonly block: number
  readonly blocks: number
  readonly content: Content
}

function takeAnswer(asking: Asking, answer: Answered, chain: Chain | null): Session<JobEnd> {
  const { job } = asking
  const heard = (result: JobResult): Session<JobEnd> =>
    settled({ result, line: { ...asking.line, heard: true, silent: 0, isDown: false } })
  const invalid = (error: InputError): Session<JobEnd> => heard(failedJob(job, invalidRead(error, answer.frame), [], true))
  const refused = (dar: number): Session<JobEnd> => heard(failedJob(job, refusedRead(dar, answer.frame), [dar], true))
  const done = (content: Content): Session<JobEnd> => heard(jobResult(job, content, answer.frame))
  if (!answer.opened.ok) return invalid(answer.opened.error)
  const { apdu, envelope } = answer.opened.value
  if (envelope?.content.kind === 'refused') return refused(envelope.content.dar)
  if (apdu?.kind === 'got-one') return done({ kind: 'objects', results: [apdu] })
  if (apdu?.kind === 'got-list') return done({ kind: 'objects', results: apdu.list })
  if (apdu?.kind === 'got-record') return done({ kind: 'records', records: [apdu.record] })
  if (apdu?.kind === 'error-response') return heard(failedJob(job, errorRead(apdu.error, answer.frame), [], true))
  if (apdu?.kind !== 'got-next') return invalid({ code: 'enciphered', at: 'apdu', message: 'the answer is enciphered' })
  if (apdu.content.kind === 'dar') return refused(apdu.content.dar)
  const next = chainWith(chain, apdu.block, apdu.content)
  if (!next.ok) return invalid(next.error)
  return apdu.isLast ? done(next.value.content) : askBlock(asking, next.value)
}

/** Blocks follow one another by number and hold either objects or records. */
function chainWith(chain: Chain | null, block: number, content: Content): Result<Chain, InputError> {
  if (chain === null) return ok({ block, blocks: 1, content })
  const wrong = (message: string) => fail({ code: 'bad-block', at: `block ${block}`, message })
  if (block !== ((chain.block + 1) & 0xffff)) return wrong(`expected block ${chain.block + 1}`)
  if (chain.blocks === blocksMax) return wrong('the answer has no end')
  const joined = joinContent(chain.content, content)
  return joined === null ? wrong('objects and records in one answer') : ok({ block, blocks: chain.blocks + 1, content: joined })
}

function joinContent(before: Content, after: Content): Content | null {
  if (before.kind === 'objects' && after.kind === 'objects') {
    return { kind: 'objects', results: [...before.results, ...after.results] }
  }
  if (before.kind === 'records' && after.kind === 'records') {
    return { kind: 'records', records: [...before.records, ...after.records] }
  }
  return null
}

/** No answer. A meter that was heard before may choke on a list, and a long answer may be what a bad line garbles. */
function unheard({ job, line }: Asking, answer: Exclude<Unanswered, { readonly kind: 'yielded' }>): JobEnd {
  const error = failedRead(answer)
  if (answer.kind === 'garbled') return { result: failedJob(job, error, [], true), line }
  const isDown = answer.kind === 'bus-down'
  return {
    result: failedJob(job, error, [], !isDown && line.heard),
    line: { ...line, silent: line.silent + 1, isDown },
  }
}

function errorRead(error: number, frame: Uint8Array): ReadError {
  const name = errorName(error)
  return { ...readError('refused', `the meter refused: ${name}`, frame), errors: [name] }
}
