import { dirname, resolve } from 'node:path'
import { fail, ok, type InputError, type Profile, type RegisteredKey, type Result } from '../model/index.js'
import { profileSchema } from './archive-schema.js'
import { crossCheck, noneTwice, withPlainAddresses, type Draft } from './cross-checks.js'
import { checkBehind, checkLinks } from './link-checks.js'
import { namesIn, Problems, type Path, type Placed, type Source } from './problems.js'
import { technicianKeySchema } from './rules-schema.js'
import { readModbusMaps } from './modbus-maps.js'
import { noSecrets, readSecrets, type Secrets } from './secrets.js'
import type { MasterSettings, Settings, SettingsChecks } from './settings.js'
import { lists, takeList } from './site-lists.js'
import { linkSchema, masterSchema, siteFields } from './site-schema.js'
import { tariffVersion } from './tariff-schema.js'
import { readYaml } from './yaml-source.js'

/**
 * Reads a site's main file and all it names.
 *
 * @returns the settings, or every problem there is: `at` is `file:line:key`, `message` says what was expected
 */
export function loadSettings(path: string, checks: SettingsChecks): Result<Settings, readonly InputError[]> {
  const problems = new Problems()
  const main = readYaml(resolve(path), problems)
  const settings = main === null ? null : readSite(main, new SiteFiles(resolve(path), problems), checks, problems)
  return settings === null || !problems.isEmpty ? fail(problems.list) : ok(settings)
}

/** One line for each problem, for a terminal or a log. */
export function problemLines(problems: readonly InputError[]): string[] {
  return problems.map(({ at, message }) => (at === '' ? message : `${at} ${message}`))
}

/** The files beside the main one. */
class SiteFiles {
  readonly read: string[]
  readonly #folder: string
  readonly #problems: Problems

  constructor(main: string, problems: Problems) {
    this.read = [main]
    this.#folder = dirname(main)
    this.#problems = problems
  }

  path(name: string): string {
    return resolve(this.#folder, name)
  }

  sources(names: readonly string[]): readonly Source[] {
    return names.flatMap((name) => {
      const path = this.path(name)
      this.read.push(path)
      return readYaml(path, this.#problems) ?? []
    })
  }

  secrets(name: string | null): Secrets | null {
    if (name === null) return noSecrets
    const path = this.path(name)
    this.read.push(path)
    return readSecrets(path, this.#problems)
  }
}

function readSite(main: Source, files: SiteFiles, ownChecks: SettingsChecks, problems: Problems): Settings | null {
  const head = problems.takeFields(siteFields, main)
  const utcOffsetMinutes = head.utcOffset ?? 0
  const links = problems.takeEach(linkSchema, main, ['links'])
  const masters = problems.takeEach(masterSchema, main, ['masters'])
  const technicians = problems.takeEach(technicianKeySchema, main, ['technicianKeys'])
  const maps = readModbusMaps(files.sources(head.modbusMaps ?? []), ownChecks, problems)
  const checks = { ...ownChecks, protocols: new Map([...ownChecks.protocols, ...maps.protocols]) }
  const profileSources = files.sources(head.profiles ?? [])
  const archiveSources = files.sources(head.archive ?? [])
  const draft: Draft = {
    utcOffsetMinutes,
    meters: withPlainAddresses(
      archiveSources.flatMap((source) => takeList(lists.meters, source, problems)),
      checks,
    ),
    profiles: profileSources.flatMap((source) => takeProfile(source, problems)),
    tasks: files.sources(head.tasks ?? []).flatMap((source) => takeList(lists.tasks, source, problems)),
    tariffs: files
      .sources(head.tariffs ?? [])
      .flatMap((source) => takeList(lists.tariffs, source, problems))
      .map(({ value, at }) => ({ value: tariffVersion(value, utcOffsetMinutes), at })),
    declared: {
      links: namesIn([main], ['links'], 'id'),
      meters: namesIn(archiveSources, ['meters'], 'id'),
      profiles: namesIn(profileSources, [], 'name'),
      protocols: maps.declared,
    },
  }
  crossCheck(draft, checks, problems)
  checkLinks(links, checks, problems)
  checkBehind(links, draft.meters, checks, problems)
  noneTwice(masters, 'master', (master) => master.id, problems)
  const keys = [...masters.flatMap(({ value }) => value.keys), ...technicians.map(({ value }) => value)]
  checkKeys(masters, technicians, problems)
  const secrets = files.secrets(head.secrets ?? null)
  if (secrets !== null) checkSecrets(secrets, draft, masters, problems, head.secrets ?? '')
  if (!isComplete(head) || secrets === null) return null
  return {
    concentrator: head.concentrator,
    parameters: {
      concentrator: head.concentrator,
      utcOffsetMinutes,
      meters: values(draft.meters),
      profiles: values(draft.profiles),
      tasks: values(draft.tasks),
      tariffs: values(draft.tariffs),
      rules: head.rules,
      retention: head.retention,
      keys,
    },
    database: { ...head.database, path: files.path(head.database.path) },
    links: values(links),
    masters: masters.map(({ value }) => masterSettings(value, files)),
    console: { ...head.console, socket: files.path(head.console.socket) },
    log: head.log,
    watchdog: { stallMs: head.watchdog.stallSeconds * 1000 },
    clock: head.clock,
    collection: head.collection,
    secrets,
    protocols: maps.protocols,
    files: files.read,
  }
}

type Head = ReturnType<typeof readHead>
const readHead = (problems: Problems, main: Source) => problems.takeFields(siteFields, main)

function isComplete(head: Head): head is Required<Head> {
  return Object.keys(siteFields).every((key) => Object.hasOwn(head, key))
}

function takeProfile(source: Source, problems: Problems): Placed<Profile>[] {
  const value = problems.take(profileSchema, source)
  return value === undefined ? [] : [{ value, at: (path: Path = []) => source.at(path) }]
}

type ReadMaster = MasterSettings & { readonly keys: readonly RegisteredKey[] }

function checkKeys(
  masters: readonly Placed<ReadMaster>[],
  technicians: readonly Placed<RegisteredKey>[],
  problems: Problems,
): void {
  const ofMasters = masters.flatMap(({ value, at }) =>
    value.keys.map((key, index) => ({ value: key, at: (path: Path = []) => at(['keys', index, ...path]) })),
  )
  noneTwice([...ofMasters, ...technicians], 'key', (key) => key.id, problems)
}

function masterSettings({ keys: _, tls, ...master }: ReadMaster, files: SiteFiles): MasterSettings {
  const path = (name: string | null) => (name === null ? null : files.path(name))
  return { ...master, tls: tls === null ? null : { ca: files.path(tls.ca), cert: path(tls.cert), key: path(tls.key) } }
}

function checkSecrets(
  secrets: Secrets,
  draft: Draft,
  masters: readonly Placed<ReadMaster>[],
  problems: Problems,
  file: string,
): void {
  const missing = (what: string, names: readonly string[], known: ReadonlySet<string>) => {
    for (const name of names) {
      if (!known.has(name)) problems.add('unknown-name', `${file}:${what}s.${name}`, `there is no ${what} ${name}`)
    }
  }
  missing('meter', secrets.names.meters, draft.declared.meters)
  missing('profile', secrets.names.profiles, draft.declared.profiles)
  missing('master', secrets.names.masters, new Set(masters.map(({ value }) => value.id)))
}

function values<T>(placed: readonly Placed<T>[]): readonly T[] {
  return placed.map(({ value }) => value)
}
