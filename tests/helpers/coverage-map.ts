import { readdirSync } from 'node:fs'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { pureFolders } from '../../scripts/coverage.js'

/**
 * Which compiled files a test may count for, for tap's `--coverage-map`: a test under `tests/unit/<folder>` or
 * `tests/property/<folder>` covers only that pure folder, so nothing is covered by accident. A property test that
 * names no folder speaks of several and counts for all of them.
 */
export default function coverageMap(testFile: string): string[] | null {
  const dist = join(import.meta.dirname, '../..')
  const root = dirname(dist)
  const path = relative(join(dist, 'tests'), resolve(testFile))
  const [level, ...rest] = path.replaceAll('\\', '/').split('/')
  if (level !== 'unit' && level !== 'property') return null
  const words = new Set(rest.flatMap((part) => [part, basename(part, '.test.js'), part.split(/[-.]/)[0] ?? part]))
  const named = pureFolders.filter((folder) => words.has(folder) || protocolNames(dist, folder).some((name) => words.has(name)))
  if (named.length === 0 && level === 'unit') return null
  const files = (named.length === 0 ? pureFolders : named).flatMap((folder) => compiledFiles(join(dist, 'src', folder)))
  return files.map((file) => relative(root, file))
}

function protocolNames(dist: string, folder: string): string[] {
  return folder === 'protocols' ? folders(join(dist, 'src', folder)) : []
}

function folders(path: string): string[] {
  return entries(path)
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
}

function compiledFiles(folder: string): string[] {
  return entries(folder).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return compiledFiles(path)
    return entry.name.endsWith('.js') ? [path] : []
  })
}

function entries(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true })
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
    throw error
  }
}
