import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { checkName, checkSource, type Breach } from './rules.js'
import { readSource } from './source-file.js'
import { exceptions, fileLinesMax, producedNames, rootNames } from './table.js'

/** Every breach in the project at `root`, those with an exception left out; an exception without its breach is one. */
export function checkTree(root: string): Breach[] {
  const files = filesIn(root, '')
  const found = [
    ...checkRoot(root),
    ...files.flatMap((file) => checkName(file)),
    ...files.flatMap((file) => checkFile(root, file)),
    ...checkLock(root),
  ]
  const isExcepted = (breach: Breach) => exceptions.some(({ rule, file }) => rule === breach.rule && file === breach.file)
  const idle = exceptions
    .filter(({ rule, file }) => !found.some((breach) => breach.rule === rule && breach.file === file))
    .map(({ rule, file }): Breach => ({
      rule: 'exception',
      file,
      line: 1,
      message: `needs no exception from ${rule} any more: take it out`,
    }))
  return [...found.filter((breach) => !isExcepted(breach)), ...idle]
}

/** Paths from the root, with slashes; what tools produce is left out. */
function filesIn(root: string, folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`
    if (folder === '' && (producedNames.includes(entry.name) || (entry.name.startsWith('.') && entry.name !== '.ci'))) return []
    if (entry.name === '__pycache__') return []
    return entry.isDirectory() ? filesIn(root, path) : [path]
  })
}

function checkRoot(root: string): Breach[] {
  return readdirSync(root)
    .filter(
      (name) => !rootNames.includes(name) && !producedNames.includes(name) && !name.startsWith('.') && !name.endsWith('.log'),
    )
    .map((name) => ({ rule: 'root', file: name, line: 1, message: 'does not belong in the root (scripts/tidy/table.ts)' }))
}

function checkFile(root: string, file: string): Breach[] {
  if (file.endsWith('.ts')) return checkSource(file, readSource(file, readFileSync(join(root, file), 'utf8')))
  if (file.endsWith('.md')) return checkLinks(root, file)
  if (!file.includes('.') || /\.(py|sh|js)$/.test(file)) return checkScript(root, file)
  return []
}

function checkScript(root: string, file: string): Breach[] {
  if (file === 'LICENSE') return []
  const lines = readFileSync(join(root, file), 'utf8').split('\n').length - 1
  return lines > fileLinesMax
    ? [{ rule: 'file-lines', file, line: 1, message: `has ${lines} lines; at most ${fileLinesMax}` }]
    : []
}

/** Links of a page to files of the project. */
function checkLinks(root: string, file: string): Breach[] {
  const text = readFileSync(join(root, file), 'utf8')
  return text.split('\n').flatMap((line, index) =>
    [...line.matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, link = '']) => {
      if (/^[a-z]+:|^#/.test(link)) return []
      const target = join(root, dirname(file), link.replace(/#.*$/, ''))
      return existsSync(target) ? [] : [{ rule: 'link', file, line: index + 1, message: `leads nowhere: ${link}` }]
    }),
  )
}

/** A lock file with download addresses works only where those can be reached. */
function checkLock(root: string): Breach[] {
  const file = 'package-lock.json'
  if (!existsSync(join(root, file)) || !statSync(join(root, file)).isFile()) return []
  return readFileSync(join(root, file), 'utf8')
    .split('\n')
    .flatMap((line, index) =>
      line.includes('"resolved"')
        ? [
            {
              rule: 'lock',
              file,
              line: index + 1,
              message: 'names a download address: run npm with omit-lockfile-registry-resolved=true',
            },
          ]
        : [],
    )
}
