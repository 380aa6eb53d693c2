import { readdirSync, realpathSync } from 'node:fs'
import { join } from 'node:path'

/**
 * The name under `/dev/serial` that stays with a port when the kernel numbers its ports anew: `by-path` (the socket it is
 * plugged into) before `by-id` (the adapter itself).
 *
 * @param path for example `/dev/ttyUSB0`
 * @returns the stable name, `path` itself when it is one already, or null when the machine offers none
 */
export function stableNameOf(path: string, folder = '/dev/serial'): string | null {
  if (path.startsWith(`${folder}/`)) return path
  const device = resolved(path)
  if (device === null) return null
  for (const kind of ['by-path', 'by-id'])
    for (const name of names(join(folder, kind)))
      if (resolved(join(folder, kind, name)) === device) return join(folder, kind, name)
  return null
}

function resolved(path: string): string | null {
  try {
    return realpathSync(path)
  } catch {
    // A dangling name leads nowhere: the port is not plugged in.
    return null
  }
}

function names(folder: string): readonly string[] {
  try {
    return readdirSync(folder).sort()
  } catch {
    // No udev, or no serial adapter plugged in: then there are no stable names.
    return []
  }
}
