import { fail, ok, type InputError, type Result } from '../../src/model/index.js'
import type { Clock, Link, Timers } from '../../src/ports/index.js'
import {
  answerOf,
  ask,
  checkModuleOptions,
  createModuleBus,
  type ModuleBus,
  type ModuleChoice,
  type ModuleKind,
  type ModuleProfile,
  type ModuleSettings,
  type Procedure,
  type Workplace,
} from '../module/index.js'

/** What a site chooses about a micro-power radio module. */
export interface RadioModuleChoice extends ModuleChoice {
  /** 0 … 63; null: as it is, which is what the module derives from the main node's address unless it was told otherwise. */
  readonly channelGroup: number | null
  /** 0 the highest … 3 the lowest; null: as it is. */
  readonly power: number | null
  /** Nodes for which the network is made, 2 … 512; null: as it is. @source facts §5: 256 by default */
  readonly scale: number | null
}

export interface RadioModuleOptions {
  readonly link: Link
  readonly clock: Clock
  readonly timers: Timers
  readonly choice: RadioModuleChoice
  /** The site's zone, for the time that modules ask; absent: they are not told. */
  readonly utcOffsetMinutes?: number
  readonly settings?: Partial<ModuleSettings>
}

/** Makes a bus of a link to a micro-power radio module behind Q/GDW 1376.2, and starts the link. */
export function createRadioModuleBus(options: RadioModuleOptions): ModuleBus {
  return createModuleBus({ ...options, kind: radioKind(options.choice) })
}

/**
 * Checks a link's `options`: those of every module (`reading` auto or forward, `mainNode`, `reports`, `window`), and `channelGroup`, `power`,
 * `scale`.
 *
 * @returns the choice, or every fault at once
 */
export function checkRadioModuleOptions(
  options: Readonly<Record<string, unknown>>,
): Result<RadioModuleChoice, readonly InputError[]> {
  const shared = checkModuleOptions(options, ['forward'], ['channelGroup', 'power', 'scale'])
  const { channelGroup = null, power = null, scale = null } = options
  const faults: InputError[] = shared.ok ? [] : [...shared.error]
  const complain = (key: string, message: string): void =>
    void faults.push({ code: 'bad-value', at: `options.${key}`, message: `expected ${message}` })
  if (!isWhole(channelGroup, 0, 63)) complain('channelGroup', 'a whole number from 0 to 63')
  if (!isWhole(power, 0, 3)) complain('power', '0 (highest) to 3 (lowest)')
  if (!isWhole(scale, 2, 512)) complain('scale', 'a whole number from 2 to 512')
  if (!shared.ok || !isWhole(channelGroup, 0, 63) || !isWhole(power, 0, 3) || !isWhole(scale, 2, 512)) return fail(faults)
  return ok({ ...shared.value, channelGroup, power, scale })
}

const isWhole = (value: unknown, min: number, max: number): value is number | null =>
  value === null || (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max)

/** @source facts §5, §6; the gaps, and how long building and maintenance take, are nobody's figures */
const profile: ModuleProfile = {
  name: 'wireless',
  ways: ['forward'],
  gapMs: 20,
  carefulGapMs: 200,
  readMs: { min: 20_000, max: 90_000 },
  slowReplyMs: 20_000,
  lists: ['radio-nodes'],
  knows698: true,
  silenceIsBusy: true,
  building: { afterMs: 40_000, lastsMs: 60_000 },
  maintenance: { fromMinute: 21 * 60, lastsMin: 10 },
}

/** How a radio module differs from others. */
export const radioKind = (choice: RadioModuleChoice): ModuleKind => ({
  name: 'wireless',
  modes: [0x0a],
  mediumGuess: 'wireless',
  profileOf: () => profile,
  prepare: (place) => prepare(place, choice),
})

function* prepare(place: Workplace, choice: RadioModuleChoice): Procedure<boolean> {
  return (yield* tuneScale(place, choice)) && (yield* tuneRadio(place, choice))
}

/** The network takes no more nodes than it was made for, whatever the archive could hold. */
function* tuneScale(place: Workplace, { scale }: RadioModuleChoice): Procedure<boolean> {
  const told = yield* ask({ name: 'radio-network-scale' })
  if (told.kind === 'silent') return false
  let has = answerOf(told, 'radio-network-scale')?.scale ?? null
  if (scale !== null && has !== scale) {
    const set = yield* ask({ name: 'set-network-scale', scale })
    if (set.kind === 'silent') return false
    if (set.kind === 'denied') place.refused('set-network-scale', set.denial)
    else has = scale
  }
  // Some tell none, or nonsense.
  const { module } = place
  if (module !== null && has !== null && has >= 2)
    place.module = { ...module, nodesMax: module.nodesMax === 0 ? has : Math.min(module.nodesMax, has) }
  return true
}

/** Of either parameter: as it is. */
const keep = 255

/** Set only where it differs: a change of the channel makes the whole network build itself anew. */
function* tuneRadio(place: Workplace, { channelGroup, power }: RadioModuleChoice): Procedure<boolean> {
  if (channelGroup === null && power === null) return true
  const told = yield* ask({ name: 'radio-parameters' })
  if (told.kind === 'silent') return false
  const has = answerOf(told, 'radio-parameters')
  const isGroupRight = channelGroup === null || has?.channelGroup === channelGroup
  const isPowerRight = power === null || has?.power === power
  if (isGroupRight && isPowerRight) return true
  const group = isGroupRight ? keep : channelGroup
  const set = yield* ask({ name: 'set-radio-parameters', channelGroup: group, power: power ?? keep })
  if (set.kind === 'denied') place.refused('set-radio-parameters', set.denial)
  if (set.kind === 'confirmed' && !isGroupRight) place.networkChanged()
  return set.kind !== 'silent'
}
