import { chmodSync, chownSync, existsSync, lstatSync, readFileSync, rmSync } from 'node:fs'
import { connect, type Server } from 'node:net'
import { dirname } from 'node:path'
import { FaultError } from '../model/index.js'

export interface SocketFile {
  readonly path: string
  /** Null: the group of the process. */
  readonly group: string | null
  readonly mode: number
}

/** What Linux takes for a socket's path, in bytes; a longer one would be cut silently. */
export const socketPathBytesMax = 107
/** Who listens on a local socket accepts at once. */
const answerMsMax = 2_000
const groupFile = '/etc/group'

/**
 * Binds a server to a socket file that nobody but its group can ever open.
 *
 * A file that a killed daemon left is removed; one on which somebody answers is not.
 *
 * @returns what could not be done about its group, for the log; null: all is as asked
 * @throws FaultError `socket-path`, `socket-in-use`, `no-socket` (another kind of file stands there), `socket-bind`
 */
export async function listenOn(server: Server, file: SocketFile): Promise<string | null> {
  const { path, mode } = file
  const bytes = Buffer.byteLength(path)
  if (bytes > socketPathBytesMax) {
    throw new FaultError('socket-path', `the path of a socket has at most ${socketPathBytesMax} bytes, ${path} has ${bytes}`)
  }
  // The system would call a missing folder a missing right.
  if (!existsSync(dirname(path))) throw new FaultError('socket-bind', `${path}: there is no folder ${dirname(path)}`)
  await removeStale(path)
  await bind(server, path)
  const complaint = giveToGroup(file)
  chmodSync(path, mode)
  return complaint
}

async function removeStale(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found === undefined) return
  if (!found.isSocket()) throw new FaultError('no-socket', `${path} is no socket: it is left as it is`)
  if (await answers(path)) throw new FaultError('socket-in-use', `another process answers on ${path}`)
  rmSync(path, { force: true })
}

/** Whether somebody listens; in doubt (no rights, too busy), somebody does. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    const settle = (isAnswered: boolean): void => {
      socket.destroy()
      resolve(isAnswered)
    }
    socket.setTimeout(answerMsMax, () => settle(true))
    socket.once('connect', () => settle(true))
    socket.once('error', (error: NodeJS.ErrnoException) => settle(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT'))
  })
}

/** The mask is narrow while the file comes into being: afterwards its mode is set, in between nobody slips in. */
function bind(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const refuse = (error: Error): void => reject(new FaultError('socket-bind', `${path}: ${error.message}`, { cause: error }))
    server.once('error', refuse)
    const mask = process.umask(0o177)
    try {
      server.listen(path, () => {
        server.off('error', refuse)
        resolve()
      })
    } finally {
      process.umask(mask)
    }
  })
}

function giveToGroup({ path, group }: SocketFile): string | null {
  if (group === null) return null
  const id = groupId(group)
  if (id === null) return `there is no group ${group}`
  try {
    chownSync(path, -1, id)
    return null
  } catch (error) {
    return `the socket could not be given to group ${group}: ${error instanceof Error ? error.message : String(error)}`
  }
}

/** Node knows no names of groups; the box keeps its own in this file. */
function groupId(name: string): number | null {
  const line = readFileSync(groupFile, 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith(`${name}:`))
  const id = Number(line?.split(':')[2])
  return line !== undefined && Number.isInteger(id) ? id : null
}
