import {
  fail,
  ok,
  type InputError,
  type LinkId,
  type Meter,
  type ParameterName,
  type PrepaidRules,
  type RegisteredKey,
  type Result,
  type SiteParameters,
  type TariffVersion,
  type Task,
} from '../model/index.js'
import { crossCheck, noneTwice, withPlainAddresses } from './cross-checks.js'
import { Problems, keyText, type Path, type Placed, type Source } from './problems.js'
import { rulesSchema } from './rules-schema.js'
import type { SettingsChecks } from './settings.js'
import { lists, takeList } from './site-lists.js'
import { tariffVersion } from './tariff-schema.js'

/** A set that an order puts in force, read. */
export type ParameterSet =
  | { readonly name: 'archive'; readonly meters: readonly Meter[] }
  | { readonly name: 'tariffs'; readonly tariffs: readonly TariffVersion[] }
  | { readonly name: 'tasks'; readonly tasks: readonly Task[] }
  | { readonly name: 'rules'; readonly rules: PrepaidRules }
  | { readonly name: 'keys'; readonly keys: readonly RegisteredKey[] }

/** The site a set is judged against: what is in force, and what only the settings say. */
export interface ParameterContext {
  readonly parameters: SiteParameters
  readonly links: readonly LinkId[]
  readonly checks: SettingsChecks
}

/**
 * Reads the body of a `set-parameters` order. It has the shape of the file of that name: `{ meters: […] }` for `archive`,
 * `{ tariffs: […] }`, `{ tasks: […] }`, `{ keys: […] }`, and the mapping of `rules` itself.
 *
 * @returns the set, or its first problem and how many more there are
 */
export function parseParameterSet(
  name: ParameterName,
  body: unknown,
  utcOffsetMinutes: number,
): Result<ParameterSet, InputError> {
  const problems = new Problems()
  const read = readSet(name, body, utcOffsetMinutes, problems)
  return read === null || !problems.isEmpty ? fail(firstOf(problems)) : ok(setOf(read))
}

/**
 * The site with a set in force, judged as a whole: a set that leaves a name without its bearer is refused.
 *
 * @returns the new parameters, or the first problem and how many more there are; nothing is taken over in part
 */
export function applyParameterSet(
  name: ParameterName,
  body: unknown,
  context: ParameterContext,
): Result<SiteParameters, InputError> {
  const { parameters } = context
  const problems = new Problems()
  const read = readSet(name, body, parameters.utcOffsetMinutes, problems)
  if (read === null) return fail(firstOf(problems))
  const meters = read.name === 'archive' ? withPlainAddresses(read.meters, context.checks) : inForce('archive', parameters.meters)
  const tasks = read.name === 'tasks' ? read.tasks : inForce('tasks', parameters.tasks)
  const tariffs = read.name === 'tariffs' ? read.tariffs : inForce('tariffs', parameters.tariffs)
  const profiles = inForce('profiles', parameters.profiles)
  const declared = {
    links: new Set<string>(context.links),
    profiles: new Set(parameters.profiles.map((profile) => profile.name)),
    meters: new Set<string>(values(meters).map((meter) => meter.id)),
    protocols: new Set<string>(),
  }
  const { utcOffsetMinutes } = parameters
  crossCheck({ utcOffsetMinutes, meters, profiles, tasks, tariffs, declared }, context.checks, problems)
  const masters = parameters.keys.filter((key) => key.role === 'master')
  if (read.name === 'keys') noneTwice([...inForce('masters', masters), ...read.keys], 'key', (key) => key.id, problems)
  if (!problems.isEmpty) return fail(firstOf(problems))
  return ok({
    ...parameters,
    meters: values(meters),
    tasks: values(tasks),
    tariffs: values(tariffs),
    rules: read.name === 'rules' ? read.rules : parameters.rules,
    keys: read.name === 'keys' ? [...masters, ...values(read.keys)] : parameters.keys,
  })
}

type ReadSet =
  | { readonly name: 'archive'; readonly meters: readonly Placed<Meter>[] }
  | { readonly name: 'tariffs'; readonly tariffs: readonly Placed<TariffVersion>[] }
  | { readonly name: 'tasks'; readonly tasks: readonly Placed<Task>[] }
  | { readonly name: 'rules'; readonly rules: PrepaidRules }
  | { readonly name: 'keys'; readonly keys: readonly Placed<RegisteredKey>[] }

function readSet(name: ParameterName, body: unknown, utcOffsetMinutes: number, problems: Problems): ReadSet | null {
  const source: Source = { root: body, at: keyText, showsValues: true }
  switch (name) {
    case 'archive':
      return { name, meters: takeList(lists.meters, source, problems) }
    case 'tariffs': {
      const tariffs = takeList(lists.tariffs, source, problems)
      return { name, tariffs: tariffs.map(({ value, at }) => ({ value: tariffVersion(value, utcOffsetMinutes), at })) }
    }
    case 'tasks':
      return { name, tasks: takeList(lists.tasks, source, problems) }
    case 'rules': {
      const rules = problems.take(rulesSchema, source)
      return rules === undefined ? null : { name, rules }
    }
    case 'keys':
      return { name, keys: takeList(lists.keys, source, problems) }
  }
}

function setOf(read: ReadSet): ParameterSet {
  switch (read.name) {
    case 'archive':
      return { name: read.name, meters: values(read.meters) }
    case 'tariffs':
      return { name: read.name, tariffs: values(read.tariffs) }
    case 'tasks':
      return { name: read.name, tasks: values(read.tasks) }
    case 'rules':
      return read
    case 'keys':
      return { name: read.name, keys: values(read.keys) }
  }
}

function firstOf(problems: Problems): InputError {
  const [first, ...more] = problems.list
  if (first === undefined) throw new Error('a set was refused without a problem')
  return more.length === 0 ? first : { ...first, message: `${first.message} (and ${more.length} more)` }
}

/** Elements of another set, named by where they stand in it. */
function inForce<T>(name: string, elements: readonly T[]): readonly Placed<T>[] {
  return elements.map((value, index) => ({ value, at: (path: Path = []) => `in force: ${keyText([name, index, ...path])}` }))
}

function values<T>(placed: readonly Placed<T>[]): readonly T[] {
  return placed.map(({ value }) => value)
}
