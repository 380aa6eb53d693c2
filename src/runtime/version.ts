import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Name and version as package.json says it, found upwards of the compiled file. */
export const softwareVersion: string = readVersion(dirname(fileURLToPath(import.meta.url)))

function readVersion(folder: string): string {
  for (let at = folder; dirname(at) !== at; at = dirname(at)) {
    const manifest = readManifest(join(at, 'package.json'))
    if (manifest !== null) return manifest
  }
  return 'wattkeep unknown'
}

function readManifest(path: string): string | null {
  try {
    const { name, version } = JSON.parse(readFileSync(path, 'utf8')) as { name?: string; version?: string }
    return name === 'wattkeep' ? `wattkeep ${version ?? 'unknown'}` : null
  } catch {
    return null
  }
}
