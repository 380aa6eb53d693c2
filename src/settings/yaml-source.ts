import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs'
import { LineCounter, isCollection, isMap, isNode, isScalar, parseDocument, type Document } from 'yaml'
import { keyText, type Path, type Problems, type Source } from './problems.js'

/** Larger files are refused: an archive of 5,000 meters takes about 1 MB. */
export const fileBytesMax = 8 * 1024 * 1024

/** What a file of secrets must look like to everybody but its owner. */
const othersMask = 0o077

/**
 * Reads a YAML file with the line of each key. What is wrong with the file itself goes into `problems`.
 *
 * @param options.secret refuses a file that anybody but its owner may read, and keeps its text out of all errors
 * @returns null when there is nothing to go on with
 */
export function readYaml(path: string, problems: Problems, options: { readonly secret?: boolean } = {}): Source | null {
  const secret = options.secret === true
  const content = readText(path, problems, secret)
  if (content === null) return null
  const lines = new LineCounter()
  const document = parseDocument(content, { lineCounter: lines, prettyErrors: false, stringKeys: true })
  for (const error of document.errors) {
    const message = secret ? 'is no valid YAML here' : `is no valid YAML: ${error.message}`
    problems.add('bad-yaml', `${path}:${lines.linePos(error.pos[0]).line}`, message)
  }
  if (document.errors.length > 0) return null
  return {
    root: document.toJS({ maxAliasCount: 100 }) as unknown,
    at: (place) => `${path}:${lineOf(document, place, lines)}:${keyText(place)}`,
    showsValues: !secret,
  }
}

function readText(path: string, problems: Problems, secret: boolean): string | null {
  let file: number
  try {
    file = openSync(path, 'r')
  } catch (error) {
    problems.add('unreadable', path, `cannot be read: ${error instanceof Error ? error.message : String(error)}`)
    return null
  }
  try {
    const { mode, size } = fstatSync(file)
    if (secret && (mode & othersMask) !== 0) {
      const found = (mode & 0o777).toString(8).padStart(4, '0')
      problems.add('secrets-open', path, `holds secrets but has mode ${found}; expected 0600: run chmod 600 ${path}`)
      return null
    }
    if (size > fileBytesMax) {
      problems.add('too-large', path, `has ${size} bytes; expected at most ${fileBytesMax}`)
      return null
    }
    return readFileSync(file, 'utf8')
  } catch (error) {
    problems.add('unreadable', path, `cannot be read: ${error instanceof Error ? error.message : String(error)}`)
    return null
  } finally {
    closeSync(file)
  }
}

/** Line of the key that `path` ends with, or of the deepest part of the way that exists. */
function lineOf(document: Document, path: Path, lines: LineCounter): number {
  let node: unknown = document.contents
  let offset = isNode(node) ? (node.range?.[0] ?? 0) : 0
  for (const key of path) {
    if (!isCollection(node)) break
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && item.key.value === key)
      if (pair === undefined) break
      if (isNode(pair.key)) offset = pair.key.range?.[0] ?? offset
      node = pair.value
    } else {
      node = node.items[Number(key)]
      if (isNode(node)) offset = node.range?.[0] ?? offset
    }
  }
  return lines.linePos(offset).line
}
