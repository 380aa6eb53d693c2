import { isBuiltin } from 'node:module'
import { posix } from 'node:path'
import type { ImportFact, SourceFacts } from './source-file.js'
import {
  assertionZones,
  compositionRoots,
  dataFiles,
  documentedZones,
  emptyWords,
  fileLinesMax,
  functionLinesMax,
  packages,
  timeNames,
  timeZones,
  zones,
  type ZoneRule,
} from './table.js'

/** A rule that a file breaks. */
export interface Breach {
  readonly rule: string
  readonly file: string
  readonly line: number
  readonly message: string
}

/** All rules that a TypeScript file can break by itself. `file` is its path from the root, with slashes. */
export function checkSource(file: string, facts: SourceFacts): Breach[] {
  const zone = zoneOf(file)
  if (zone === null) return [{ rule: 'zone', file, line: 1, message: 'stands in no folder of the map (scripts/tidy/table.ts)' }]
  const breaches = facts.imports.flatMap((imported) => checkImport(file, imported, zone))
  const add = (rule: string, line: number, message: string) => breaches.push({ rule, file, line, message })
  if (facts.lines > fileLinesMax && !isData(file)) add('file-lines', 1, `has ${facts.lines} lines; at most ${fileLinesMax}`)
  if (!isData(file)) {
    for (const { line, name, lines } of facts.longFunctions) {
      add('function-lines', line, `${name} has ${lines} lines; at most ${functionLinesMax}`)
    }
  }
  if (zone.rule.pure) {
    for (const { line, name } of facts.impure)
      add('pure', line, `${name} does not belong in a pure folder: take it as an argument`)
  }
  if (!zone.rule.pure && /^(src|drivers)\//.test(file) && !within(file, timeZones)) {
    for (const { line, name } of facts.impure) {
      if (timeNames.includes(name))
        add('time', line, `${name} is not for this folder: take clock, timers or chance as an argument`)
    }
  }
  if (!within(file, assertionZones)) {
    for (const { line, text } of facts.assertions)
      add('assertion', line, `\`as ${text}\` belongs to a border file or a unit constructor`)
  }
  if (within(file, documentedZones)) {
    for (const { line, name } of facts.undocumented) add('doc', line, `${name} is exported: say what it gives, in a doc comment`)
  }
  for (const { line, text } of facts.comments) {
    const mark = /\b(?:c8|v8|istanbul) ignore|@ts-(?:ignore|nocheck)|eslint-disable/.exec(text)
    if (mark !== null) add('ignore-mark', line, `${mark[0]} hides something: mend it instead`)
  }
  return breaches
}

/** Names of files and folders that say nothing, or are not kebab-case. */
export function checkName(file: string): Breach[] {
  const breaches: Breach[] = []
  const parts = file.split('/')
  for (const [index, part] of parts.entries()) {
    const isFile = index === parts.length - 1
    const words = part.toLowerCase().split(/[-._]/)
    const empty = words.find((word) => emptyWords.includes(word))
    const isTestHelpers = parts[0] === 'tests' && index === 1 && part === 'helpers'
    if (empty !== undefined && !isTestHelpers) {
      breaches.push({ rule: 'name', file, line: 1, message: `“${empty}” says nothing: name what is inside` })
    }
    const isConventional = /^[A-Z]+(\.md)?$/.test(part) || part.startsWith('.') || part.startsWith('__')
    if (isFile && part.endsWith('.ts') && !/^[a-z0-9]+(-[a-z0-9]+)*(\.test)?\.ts$/.test(part) && !isConventional) {
      breaches.push({ rule: 'name', file, line: 1, message: 'expected a file name in kebab-case' })
    }
  }
  return breaches
}

interface Zone {
  readonly rule: ZoneRule
  /** The zone's own path, with the star filled in. */
  readonly path: string
}

function zoneOf(file: string): Zone | null {
  const found = zones.flatMap((rule) => {
    const path = matchZone(rule.zone, file)
    return path === null ? [] : [{ rule, path }]
  })
  // `src/calendar` stands for the file as well as for the folder it may become.
  return found.sort((a, b) => b.rule.zone.replace('*', '').length - a.rule.zone.replace('*', '').length)[0] ?? null
}

function matchZone(zone: string, file: string): string | null {
  const pattern = new RegExp(`^${zone.replaceAll('.', '\\.').replace('*', '[^/]+')}(?=/|$|\\.ts$)`)
  return pattern.exec(file)?.[0] ?? null
}

function checkImport(file: string, imported: ImportFact, zone: Zone): Breach[] {
  const breach = (rule: string, message: string): Breach[] => [{ rule, file, line: imported.line, message }]
  const { module, typeOnly } = imported
  if (module.startsWith('.')) {
    const target = posix.join(posix.dirname(file), module).replace(/\.js$/, '.ts')
    return checkLocal(target, typeOnly, zone).flatMap((message) => breach('import', message))
  }
  if (isBuiltin(module)) {
    const { builtins } = zone.rule
    if (builtins === 'all' || builtins.includes(module)) return []
    return breach('import', `${zone.path} may not use ${module}`)
  }
  const name = module.startsWith('@') ? module.split('/').slice(0, 2).join('/') : (module.split('/')[0] ?? module)
  const allowed = packages[name]
  if (allowed === undefined)
    return breach('package', `${name} is in no list (scripts/tidy/table.ts): a new package needs a decision record`)
  if (file.startsWith('tests/') || within(file, allowed)) return []
  return breach('package', `${name} may be imported only in ${allowed.length === 0 ? 'tests' : allowed.join(', ')}`)
}

function checkLocal(target: string, typeOnly: boolean, { rule, path }: Zone): string[] {
  if (compositionRoots.includes(target)) return [`nobody imports ${target}`]
  const own = rule.values.map((name) => (name === rule.zone ? path : name))
  if (within(target, own)) return []
  if (within(target, rule.types)) return typeOnly ? [] : [`${path} may import only types of ${target}: use \`import type\``]
  return [`${path} may not import ${target}`]
}

function within(file: string, folders: readonly string[]): boolean {
  return folders.some((folder) => file === folder || file === `${folder}.ts` || file.startsWith(`${folder}/`))
}

function isData(file: string): boolean {
  return dataFiles.some((pattern) => pattern.test(file))
}
