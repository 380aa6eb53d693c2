import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const found = findProgram(dirname(fileURLToPath(import.meta.url)))

/** Name and version as package.json says it, found upwards of the compiled file. */
export const softwareVersion: string = found?.version ?? 'wattkeep unknown'

/** The folder of package.json, which holds the files that come with the program; null: there is none. */
export const programFolder: string | null = found?.folder ?? null

function findProgram(folder: string): { readonly folder: string; readonly version: string } | null {
  for (let at = folder; dirname(at) !== at; at = dirname(at)) {
    const version = readManifest(join(at, 'package.json'))
    if (version !== null) return { folder: at, version }
  }
  return null
}

function readManifest(path: string): string | null {
  try {
    const { name, version } = JSON.parse(readFileSync(path, 'utf8')) as { name?: string; version?: string }
    return name === 'wattkeep' ? `wattkeep ${version ?? 'unknown'}` : null
  } catch {
    return null
  }
}
