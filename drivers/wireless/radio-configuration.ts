import { fail, meterAddress, type InputError } from '../../src/model/index.js'
import type { ModemLines } from '../../src/ports/index.js'
import { spend } from './air-budget.js'
import { airMs } from './air-time.js'
import { decodeParameters, differencesFrom, readParametersCommand, type RadioParameters } from './radio-parameters.js'
import type { RadioSettings } from './radio-settings.js'
import {
  after,
  quietSince,
  type ConfigurationStep,
  type ParameterCheck,
  type RadioEffect,
  type RadioInput,
  type RadioState,
  type RadioStep,
  type RadioWorld,
} from './radio-state.js'

/** A pause of so long ends an answer. The modem says it in 7 ms; a serial server may cut it. */
export const answerSilenceMs = 100
/** The modem changes its mode once it is idle and answers at once. @source maker's manual of the E32 modules, mode switch: 2 ms */
export const modeSettleMs = 100
const answerMs = 1_000
const attemptsMax = 3

/** The link is there: the modem is asked for its parameters, if it can be, before anything is sent to a meter. */
export function beginConfiguration(state: RadioState, world: RadioWorld): RadioStep {
  switch (world.settings.configuration) {
    case 'never':
      return comeUp(state, world, [])
    case 'always':
      return askParameters(state, 1, world)
    case 'dtr-rts': {
      const lines: RadioEffect = { kind: 'set-lines', lines: linesFor('configuration', world.settings) }
      return at(state, { name: 'entering' }, [lines])
    }
  }
}

/** What happens to `input` on the way to the parameters and back. */
export function stepConfiguration(state: RadioState, step: ConfigurationStep, input: RadioInput, world: RadioWorld): RadioStep {
  switch (input.kind) {
    case 'lines-set':
      return linesSet(state, step, input, world)
    case 'answer':
      return step.name === 'asking' ? confirm(state, step.attempt, decodeParameters(input.bytes), world) : tooMuch(state, step)
    case 'answer-broken':
      return broken(state, step, input.bytes, world)
    case 'timer':
      return elapse(state, step, world)
    case 'bytes':
      return { state, effects: [{ kind: 'trace', direction: 'in', bytes: input.bytes, note: 'configuration' }] }
    case 'exchange':
    case 'recall':
    case 'link':
    case 'write-failed':
      // The machine itself sees to these.
      return { state, effects: [] }
  }
}

function linesSet(
  state: RadioState,
  step: ConfigurationStep,
  input: { readonly ok: boolean; readonly code: string },
  world: RadioWorld,
): RadioStep {
  if (step.name === 'entering') {
    if (input.ok) return at(state, { name: 'settling', until: after(world.now, modeSettleMs) }, [])
    return leave(noted(state, unreadable(input.code, 'the lines of the link cannot be set')), world)
  }
  if (step.name !== 'leaving') return { state, effects: [] }
  const stuck = unreadable(input.code, 'the lines of the link cannot be set back: the modem may still be in configuration mode')
  const left = input.ok ? { state, effects: [] } : noted(state, stuck)
  return at(left.state, { name: 'settling-back', until: after(world.now, modeSettleMs) }, left.effects)
}

function askParameters(state: RadioState, attempt: number, world: RadioWorld): RadioStep {
  const { now, settings } = world
  // Whether the modem is in configuration mode is not known for sure: if it is not, these bytes go through the air.
  const spentMs = settings.configuration === 'always' ? airMs(readParametersCommand.length, state.pace) : 0
  const asked = spentMs === 0 ? state : { ...state, budget: spend(state.budget, spentMs, now) }
  return at(asked, { name: 'asking', attempt, until: after(now, answerMs) }, [
    { kind: 'trace', direction: 'out', bytes: readParametersCommand, note: 'configuration' },
    { kind: 'write', bytes: readParametersCommand },
  ])
}

function confirm(state: RadioState, attempt: number, answer: ReturnType<typeof decodeParameters>, world: RadioWorld): RadioStep {
  return at(state, { name: 'confirming', attempt, answer, until: after(world.now, answerSilenceMs + 1) }, [])
}

/** Another six bytes: whatever they are, the first ones were no answer. */
function tooMuch(state: RadioState, step: ConfigurationStep): RadioStep {
  if (step.name !== 'confirming') return { state, effects: [] }
  return at(state, { ...step, answer: fail(lengthError('more than 6 bytes')) }, [])
}

/** Bytes that are not six, and then silence. */
function broken(state: RadioState, step: ConfigurationStep, bytes: number, world: RadioWorld): RadioStep {
  if (step.name === 'confirming') return askAgain(state, step.attempt, lengthError(`6 bytes and then ${bytes}`), world)
  if (step.name === 'asking') return askAgain(state, step.attempt, lengthError(`${bytes} bytes`), world)
  return { state, effects: [] }
}

function askAgain(state: RadioState, attempt: number, error: InputError, world: RadioWorld): RadioStep {
  if (attempt < attemptsMax) return askParameters(state, attempt + 1, world)
  return leave(noted(state, { kind: 'unreadable', error }), world)
}

function elapse(state: RadioState, step: ConfigurationStep, world: RadioWorld): RadioStep {
  if (!('until' in step) || world.now < step.until) return { state, effects: [] }
  switch (step.name) {
    case 'settling':
      return askParameters(state, 1, world)
    case 'asking':
      return askAgain(state, step.attempt, { code: 'radio-silent', at: 'answer to C1 C1 C1', message: 'no answer' }, world)
    case 'confirming': {
      if (!step.answer.ok) return askAgain(state, step.attempt, step.answer.error, world)
      const parameters = step.answer.value
      const differences = differencesFrom(world.settings.expected, parameters)
      return leave(noted(state, { kind: 'read', parameters, differences }), world)
    }
    case 'settling-back':
      return comeUp(state, world, [])
  }
}

/** What was found counts from now on; what is new is told. */
function noted(
  state: RadioState,
  check: ParameterCheck,
): { readonly state: RadioState; readonly effects: readonly RadioEffect[] } {
  const before = state.check
  const told = problemsOf(before).map(({ message }) => message)
  const effects: RadioEffect[] = problemsOf(check)
    .filter(({ message }) => !told.includes(message))
    .map((error) => ({ kind: 'report', report: { kind: 'module-refused', what: 'configuration', error } }))
  if (check.kind !== 'read') return { state: { ...state, check }, effects }
  const pace = { ...state.pace, airBitsPerSecond: check.parameters.airRate }
  const replaced = before.kind === 'read' && before.parameters.address !== check.parameters.address
  if (before.kind !== 'read' || replaced) {
    const module = moduleOf(check.parameters)
    effects.unshift({ kind: 'report', report: { kind: 'module-started', module, replaced } })
  }
  return { state: { ...state, check, pace }, effects }
}

/** Back to where requests are carried. */
function leave({ state, effects }: RadioStep, world: RadioWorld): RadioStep {
  if (world.settings.configuration !== 'dtr-rts') return comeUp(state, world, effects)
  const lines: RadioEffect = { kind: 'set-lines', lines: linesFor('carrying', world.settings) }
  return at(state, { name: 'leaving' }, [...effects, lines])
}

function comeUp(state: RadioState, world: RadioWorld, before: readonly RadioEffect[]): RadioStep {
  const up: RadioEffect = { kind: 'trace', direction: 'state', bytes: new Uint8Array(0), note: 'up' }
  return { state: { ...state, line: { name: 'idle', quiet: quietSince(world.now) } }, effects: [...before, up] }
}

/** What is wrong with the modem's settings, as far as it is known. */
export function problemsOf(check: ParameterCheck): readonly InputError[] {
  switch (check.kind) {
    case 'not-read':
      return []
    case 'unreadable':
      return [check.error]
    case 'read':
      return check.differences
  }
}

/** The modem as networks are described; it tells neither its maker nor its firmware in six bytes. */
export function moduleOf({ address }: RadioParameters) {
  return {
    vendor: '',
    chip: '',
    version: '',
    medium: 'wireless',
    led: 'concentrator',
    mainNode: meterAddress(address.toString(16).toUpperCase().padStart(4, '0')),
    nodesMax: 0xffff,
    frameBytesMax: 512,
  } as const
}

/** M0 hangs on DTR and M1 on RTS. Both high: configuration; both low: carrying; M0 alone high: carrying with wake-up. */
function linesFor(mode: 'configuration' | 'carrying', { linesPullLow, pace }: RadioSettings): ModemLines {
  const m0 = mode === 'configuration' || pace.wakeUpMs > 0
  const m1 = mode === 'configuration'
  return { dtr: m0 !== linesPullLow, rts: m1 !== linesPullLow }
}

const at = (state: RadioState, step: ConfigurationStep, effects: readonly RadioEffect[]): RadioStep => ({
  state: { ...state, line: { name: 'configuring', step } },
  effects,
})

const unreadable = (code: string, message: string): ParameterCheck => ({
  kind: 'unreadable',
  error: { code, at: 'answer to C1 C1 C1', message },
})

const lengthError = (got: string): InputError => ({
  code: 'radio-answer-length',
  at: 'answer to C1 C1 C1',
  message: `expected 6 bytes, got ${got}`,
})
