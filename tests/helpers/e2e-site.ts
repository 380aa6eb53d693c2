import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { AreaLink, AreaProcess } from './area-process.js'
import { projectRoot } from './root.js'
import type { MasterKey } from './uplink-bench.js'

/** Orders are signed for this concentrator. */
export const siteConcentrator = 'DCU-E2E'
export const siteMaster = 'hq'
/** One rate, dear: with loads of tens of kW some yuan last for seconds. */
export const yuanPerKwh = 90

export interface SiteOptions {
  /** Everything of the site lies here; the database too. */
  readonly folder: string
  readonly area: Pick<AreaProcess, 'links' | 'siteFolder'>
  readonly brokers: readonly string[]
  readonly keys: readonly MasterKey[]
  /** The tasks file's text. */
  readonly tasks: string
  /** Where links are reached instead, by their ids. */
  readonly urls?: Readonly<Record<string, string>>
  /** Further lines of the master's section. */
  readonly masterLines?: readonly string[]
  /** Further lines of the main file. */
  readonly extra?: readonly string[]
}

/** Registers every few seconds, so that a kill always falls into something. */
export const quickTasks = (seconds: number): string => `tasks:
  - { id: quick, kind: curve, cron: '*/${seconds} * * * * *', items: [energy], backfillDays: 0, liveWindowMinutes: 1, closesAfterMinutes: 1 }
  - { id: status, kind: status, cron: '30 * * * * *', items: [status], liveWindowMinutes: 1, closesAfterMinutes: 2 }
  - { id: freeze, kind: daily-freeze, cron: '*/30 * * * * *', items: [energy], backfillDays: 1 }
`

/** Nothing falls due within a test: what was collected can be counted. */
export const noTasks = `tasks:
  - { id: yearly, kind: status, cron: '0 0 1 1 *', items: [status], liveWindowMinutes: 1, closesAfterMinutes: 1 }
`

/**
 * Writes a site for a simulated area: its archive and secrets, a tariff and a profile for large loads, no blocked hours.
 *
 * @returns the path of the main file
 */
export function writeSite(options: SiteOptions): string {
  const { folder, area, tasks, urls = {}, extra = [] } = options
  for (const name of ['archive.yaml', 'secrets.yaml']) copyFileSync(join(area.siteFolder, name), join(folder, name))
  writeFileSync(join(folder, 'tasks.yaml'), tasks)
  writeFileSync(join(folder, 'tariffs.yaml'), tariffs)
  writeFileSync(join(folder, 'profile.yaml'), profile())
  const links = area.links.map((link) => `  - { id: ${link.link}, driver: rs485, url: ${JSON.stringify(urlOf(link, urls))} }`)
  const path = join(folder, 'wattkeep.yaml')
  const lines = [
    `concentrator: ${siteConcentrator}`,
    `utcOffset: '+08:00'`,
    'database: { path: wattkeep.db }',
    'secrets: secrets.yaml',
    'archive: [archive.yaml]',
    'profiles: [profile.yaml]',
    'tasks: [tasks.yaml]',
    'tariffs: [tariffs.yaml]',
    'links:',
    ...links,
    ...mastersOf(options),
    'rules: { blocked: { night: null, weekdays: [], dates: [] } }',
    'console: { socket: console.sock, group: null }',
    'clock: { assumeSynchronised: true }',
    ...extra,
  ]
  writeFileSync(path, `${lines.join('\n')}\n`)
  return path
}

function mastersOf({ brokers, keys, masterLines = [] }: SiteOptions): readonly string[] {
  if (brokers.length === 0) return []
  const registered = keys.map(({ registered: { id, publicKey } }) => `{ id: ${id}, publicKey: ${publicKey} }`)
  return [
    'masters:',
    `  - id: ${siteMaster}`,
    `    keys: [${registered.join(', ')}]`,
    `    brokers: ${JSON.stringify(brokers)}`,
    '    reconnectSeconds: { first: 1, max: 1 }',
    ...masterLines,
  ]
}

const urlOf = ({ link, url }: AreaLink, urls: Readonly<Record<string, string>>): string => urls[link] ?? url

/** The project's own profile, for a connection that carries what `load` commands switch on. */
function profile(): string {
  const text = readFileSync(join(projectRoot(), 'config/profiles/dlt645-2007-single-phase.yaml'), 'utf8')
  const wide = text.replace(/^maxPowerKw: .*$/m, 'maxPowerKw: 200')
  if (wide === text) throw new Error('the profile says nothing of maxPowerKw any more')
  return wide
}

const tariffs = `tariffs:
  - tariff: dear
    version: 1
    effectiveFrom: 2026-01-01
    prices: ['${yuanPerKwh}']
    seasons: [{ from: '01-01', workday: [{ at: '00:00', rate: 1 }] }]
`
