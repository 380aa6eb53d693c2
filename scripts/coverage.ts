import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'

/** Folders of `src` that hold nothing but values in, values out: each line, branch and function is run by their own tests. */
export const pureFolders = ['model', 'protocols', 'collection', 'scheduling', 'prepaid', 'control', 'analysis', 'outbox'] as const

/** The part of an istanbul coverage file that is looked at; lines count from 1. */
interface FileCoverage {
  readonly statementMap: Readonly<Record<string, { readonly start: { readonly line: number } }>>
  readonly s: Readonly<Record<string, number>>
  readonly fnMap: Readonly<
    Record<string, { readonly name: string; readonly decl: { readonly start: { readonly line: number } } }>
  >
  readonly f: Readonly<Record<string, number>>
  readonly branchMap: Readonly<Record<string, { readonly loc: { readonly start: { readonly line: number } } }>>
  readonly b: Readonly<Record<string, readonly number[]>>
}

/**
 * What the tests of the pure folders leave out: one line of text for each file, empty when everything is covered.
 *
 * @param report a coverage-final.json as c8 writes it, keyed by the absolute path of the source
 */
export function uncovered(root: string, report: Readonly<Record<string, FileCoverage>>): string[] {
  const complaints: string[] = []
  for (const folder of pureFolders) {
    for (const source of sources(join(root, 'src', folder))) {
      const name = relative(root, source)
      const coverage = report[source]
      if (coverage !== undefined) {
        const gaps = gapsOf(coverage)
        if (gaps !== '') complaints.push(`${name}: ${gaps}`)
      } else if (hasCode(join(root, 'dist', name.replace(/\.ts$/, '.js')))) {
        complaints.push(`${name}: no test of its folder loads it`)
      }
    }
  }
  return complaints
}

function gapsOf(coverage: FileCoverage): string {
  const lines = missing(coverage.s).map((id) => coverage.statementMap[id]?.start.line ?? 0)
  const functions = missing(coverage.f).map((id) => `${coverage.fnMap[id]?.name} (line ${coverage.fnMap[id]?.decl.start.line})`)
  const branches = Object.entries(coverage.b)
    .filter(([, counts]) => counts.includes(0))
    .map(([id]) => coverage.branchMap[id]?.loc.start.line ?? 0)
  return [
    lines.length === 0 ? '' : `lines ${ranges(lines)}`,
    functions.length === 0 ? '' : `functions ${functions.join(', ')}`,
    branches.length === 0 ? '' : `branches at lines ${ranges(branches)}`,
  ]
    .filter((part) => part !== '')
    .join('; ')
}

function missing(counts: Readonly<Record<string, number>>): string[] {
  return Object.keys(counts).filter((id) => counts[id] === 0)
}

function ranges(lines: readonly number[]): string {
  const sorted = [...new Set(lines)].sort((a, b) => a - b)
  const spans: { from: number; to: number }[] = []
  for (const line of sorted) {
    const last = spans.at(-1)
    if (last !== undefined && line === last.to + 1) last.to = line
    else spans.push({ from: line, to: line })
  }
  return spans.map(({ from, to }) => (from === to ? `${from}` : `${from}–${to}`)).join(', ')
}

/** Files of types only leave nothing to run. */
function hasCode(compiled: string): boolean {
  const text = readFileSync(compiled, 'utf8')
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/^\s*\/\/.*$/gm, '')
    .replace(/^\s*export \{\};?\s*$/gm, '')
  return text.trim() !== ''
}

function sources(folder: string): string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return sources(path)
    return entry.name.endsWith('.ts') ? [path] : []
  })
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const file = process.argv[2]
  if (file === undefined) throw new Error('usage: node dist/scripts/coverage.js COVERAGE-FINAL.json')
  const complaints = uncovered(process.cwd(), JSON.parse(readFileSync(file, 'utf8')) as Record<string, FileCoverage>)
  for (const line of complaints) console.log(line)
  if (complaints.length > 0) process.exitCode = 1
}
