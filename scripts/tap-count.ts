import { readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'

/** What a run of tests came to: single assertions, and where something failed or was left out. */
export interface TapCount {
  readonly passed: number
  readonly failed: number
  /** One for each failure: the way to it, `file > subtest > assertion`, and its diagnostics. */
  readonly failures: readonly { readonly path: string; readonly diagnostics: readonly string[] }[]
  readonly skipped: readonly string[]
}

interface Level {
  passed: number
  failed: number
}

const indentStep = 4
const diagnosticsMax = 60

/**
 * Counts the assertions of TAP 14 text with indented subtests. A subtest's own line counts only when it failed although
 * nothing inside did (a crash, a wrong plan), and a file that asserts nothing is a failure.
 */
export function countTap(text: string): TapCount {
  const failures: { path: string; diagnostics: string[] }[] = []
  const skipped: string[] = []
  const levels = new Map<number, Level>()
  const names = new Map<number, string>()
  let passed = 0
  let diagnosticsEnd: string | null = null
  let target: string[] | null = null

  for (const line of text.split('\n')) {
    if (diagnosticsEnd !== null) {
      if (line === diagnosticsEnd) diagnosticsEnd = null
      else if (target !== null && target.length < diagnosticsMax) target.push(line)
      continue
    }
    const subtest = /^( *)# Subtest: (.*)$/.exec(line)
    if (subtest !== null) {
      const depth = (subtest[1] ?? '').length
      names.set(depth, subtest[2] ?? '')
      levels.set(depth + indentStep, { passed: 0, failed: 0 })
      continue
    }
    const opening = /^( *) {2}---$/.exec(line)
    if (opening !== null) {
      diagnosticsEnd = line.replace('---', '...')
      continue
    }
    const point = /^( *)(not )?ok\b(?: \d+)?(?: - (.*))?$/.exec(line)
    if (point === null) continue
    const depth = (point[1] ?? '').length
    const inner = levels.get(depth + indentStep)
    levels.delete(depth + indentStep)
    const label = point[3] ?? ''
    const path = [...wayTo(names, depth), inner === undefined ? label : withoutDirective(label)].join(' > ')
    const level = levels.get(depth)
    target = null
    const isEmptyFile = label.endsWith('# SKIP no tests found')
    const leftOut = /# (SKIP|TODO)\b.*$/i.exec(label)
    if (leftOut !== null && !isEmptyFile) {
      skipped.push(path === '' ? label : `${path}${inner === undefined ? '' : ` ${leftOut[0]}`}`)
    } else if (point[2] !== undefined || isEmptyFile) {
      if (inner === undefined || inner.failed === 0) {
        target = isEmptyFile ? ['  asserts nothing'] : []
        failures.push({ path, diagnostics: target })
      }
      if (level !== undefined) level.failed += 1
    } else if (inner === undefined) {
      passed += 1
      if (level !== undefined) level.passed += 1
    }
  }
  return { passed, failed: failures.length, failures, skipped }
}

function wayTo(names: ReadonlyMap<number, string>, depth: number): string[] {
  const way: string[] = []
  for (let at = 0; at < depth; at += indentStep) way.push(names.get(at) ?? '?')
  return way
}

function withoutDirective(label: string): string {
  return label.replace(/ # (time=|SKIP|TODO).*$/, '')
}

function main(file: string, exitStatus: string): void {
  const count = countTap(readFileSync(file, 'utf8'))
  for (const { path, diagnostics } of count.failures) {
    console.log(`FAILED ${path}`)
    for (const line of diagnostics) console.log(`  ${line}`)
  }
  for (const path of count.skipped) console.log(`skipped: ${path}`)
  const unexplained = exitStatus !== '0' && count.failed === 0
  if (unexplained) console.log(`FAILED the test runner ended with status ${exitStatus}`)
  console.log(`${count.passed} passed, ${count.failed + (unexplained ? 1 : 0)} failed`)
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [, , file, exitStatus] = process.argv
  if (file === undefined) throw new Error('usage: node dist/scripts/tap-count.js FILE [STATUS]')
  main(file, exitStatus ?? '0')
}
