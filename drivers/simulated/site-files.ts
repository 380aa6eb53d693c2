import type { SimulatedArea } from './area.js'
import { simulatedPassword, type LinkKind } from './area-options.js'

/** A file of a site that matches an area. */
export interface SiteFile {
  readonly name: 'wattkeep.yaml' | 'archive.yaml' | 'secrets.yaml'
  readonly text: string
  readonly mode: number
}

export interface SiteFilesOptions {
  readonly concentrator: string
  /** Where each bus can be reached: link to address. */
  readonly urls: ReadonlyMap<string, string>
  /** The project's `config` folder, with profiles, tasks and tariffs. */
  readonly configFolder: string
  /** Files in place of the project's own; absolute. */
  readonly tasks?: string
  readonly tariffs?: string
  /** Further lines of the main file: masters, rules, retention. */
  readonly extra?: readonly string[]
}

/** Operator code that relay orders to simulated meters carry. */
export const simulatedOperator = '00000001'

/** The site of an area: main file, archive, secrets. They name one another by their names, so they lie in one folder. */
export function siteFiles(area: SimulatedArea, options: SiteFilesOptions): readonly SiteFile[] {
  return [
    { name: 'wattkeep.yaml', text: mainFile(area, options), mode: 0o644 },
    { name: 'archive.yaml', text: archiveFile(area), mode: 0o644 },
    { name: 'secrets.yaml', text: secretsFile(area), mode: 0o600 },
  ]
}

function mainFile(area: SimulatedArea, options: SiteFilesOptions): string {
  const path = (name: string): string => JSON.stringify(`${options.configFolder}/${name}`)
  const links = area.buses.flatMap(({ link, kind }) => {
    const url = options.urls.get(link)
    return url === undefined ? [] : [`  - { id: ${link}, driver: ${driverOf[kind]}, url: ${JSON.stringify(url)} }`]
  })
  return lines([
    '# A site for a simulated area. Masters are left out: add yours.',
    `concentrator: ${options.concentrator}`,
    `utcOffset: '${offsetText(area.options.utcOffsetMinutes)}'`,
    'database: { path: wattkeep.db }',
    'secrets: secrets.yaml',
    'archive: [archive.yaml]',
    `profiles: [${profileNames(area)
      .map((name) => path(`profiles/${name}.yaml`))
      .join(', ')}]`,
    `tasks: [${options.tasks === undefined ? path('tasks.yaml') : JSON.stringify(options.tasks)}]`,
    `tariffs: [${options.tariffs === undefined ? path('tariffs.yaml') : JSON.stringify(options.tariffs)}]`,
    'links:',
    ...links,
    'console: { socket: console.sock, group: null }',
    'clock: { assumeSynchronised: true }',
    ...(options.extra ?? []),
  ])
}

/** The usual ones, and whatever else the archive names. */
function profileNames(area: SimulatedArea): readonly string[] {
  const named = area.archive.map(({ profile }) => profile)
  return [...new Set(['dlt645-2007-single-phase', 'dlt645-2007-three-phase', ...named])]
}

/** Which driver a site names for a link. */
const driverOf: Readonly<Record<LinkKind, string>> = {
  rs485: 'rs485',
  'plc-hplc': 'plc',
  'plc-narrow': 'plc',
  wireless: 'wireless',
  'radio-modem': 'radio-modem',
}

function archiveFile(area: SimulatedArea): string {
  const meters = area.archive.map(
    ({ id, address, protocol, link, profile, ct, role, phase, box }) =>
      `  - { id: ${id}, address: '${address}', protocol: ${protocol}, link: ${link}, profile: ${profile}, ct: ${ct}, ` +
      `role: ${role}, phase: ${phase}, box: ${box} }`,
  )
  return lines(['# The meters of a simulated area.', 'meters:', ...meters])
}

function secretsFile(area: SimulatedArea): string {
  const credentials = `{ password: "${area.options.password ?? simulatedPassword}", operator: "${simulatedOperator}" }`
  const profiles = [...new Set(area.archive.map(({ profile }) => profile))]
  return lines(['profiles:', ...profiles.map((profile) => `  ${profile}: ${credentials}`)])
}

function offsetText(minutes: number): string {
  const two = (value: number): string => String(value).padStart(2, '0')
  const size = Math.abs(minutes)
  return `${minutes < 0 ? '-' : '+'}${two(Math.floor(size / 60))}:${two(size % 60)}`
}

const lines = (all: readonly string[]): string => `${all.join('\n')}\n`
