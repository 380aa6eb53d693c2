import { execFileSync, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, mkdirSync, openSync, statSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { onExit } from '../on-exit.js'

const DISK_MIB = 48
const FILE_SYSTEM_MIB = 40
/** Marks stand behind the file system, one sector each, written past every cache. */
const MARKS_AT = 44 * 1024 * 1024
const SECTOR_BYTES = 512
const MARK = 'MARK'

/** A mounted file system whose block writes are all recorded, in the order in which they reach the disk. */
export interface Recording {
  readonly mount: string
  readonly log: string
  /** Says into the same log that command `number` was acknowledged. */
  mark(number: number): void
  close(): Promise<void>
}

/** Starts the recording disk in `folder`. Everything it starts and mounts ends with `close`. */
export async function startRecording(folder: string): Promise<Recording> {
  const [disk, image, log] = ['disk', 'disk.img', 'log.img'].map((name) => join(folder, name)) as [string, string, string]
  const mount = join(folder, 'mount')
  mkdirSync(mount)
  writeFileSync(disk, '')
  execFileSync('truncate', ['-s', `${DISK_MIB}M`, image])
  execFileSync('truncate', ['-s', '4G', log])
  const daemon = startDaemon({ disk, image, log })
  let device = ''
  try {
    await exported(disk, daemon)
    device = execFileSync('losetup', ['-f', '--show', disk], { encoding: 'utf8' }).trim()
    execFileSync('mkfs.ext4', ['-q', '-E', 'lazy_itable_init=0,lazy_journal_init=0,nodiscard', device, `${FILE_SYSTEM_MIB}M`])
    execFileSync('mount', ['-o', 'nodiscard', device, mount])
  } catch (error) {
    if (device !== '') execFileSync('losetup', ['-d', device])
    await stop(daemon)
    throw error
  }
  const marker = openMarker(device)
  const unmount = onExit(() => {
    marker.close()
    // Lazily: when the program ends by an error, the store is still open.
    execFileSync('umount', ['-l', mount])
    execFileSync('losetup', ['-d', device])
    daemon.kill('SIGTERM')
  })
  return {
    mount,
    log,
    mark: (number) => marker.write(number),
    close: async () => {
      execFileSync('sync', ['-f', mount])
      unmount()
      await stop(daemon)
    },
  }
}

/** The number a write marks as acknowledged; null: it is no mark. */
export function markOf(at: number, data: () => Buffer): number | null {
  if (at < MARKS_AT) return null
  const sector = data()
  return sector.toString('latin1', 0, MARK.length) === MARK ? Number(sector.readBigUInt64LE(8)) : null
}

/** Where marks begin; nothing of the file system lies there. */
export const marksAt = MARKS_AT

function startDaemon(files: { readonly disk: string; readonly image: string; readonly log: string }): ChildProcess {
  return spawn(
    'qemu-storage-daemon',
    [
      ...['--blockdev', `driver=file,node-name=f,filename=${files.image}`, '--blockdev', 'driver=raw,node-name=d,file=f'],
      ...['--blockdev', `driver=file,node-name=lf,filename=${files.log}`, '--blockdev', 'driver=raw,node-name=lr,file=lf'],
      ...['--blockdev', 'driver=blklogwrites,node-name=lw,file=d,log=lr,log-sector-size=512,log-super-update-interval=1'],
      ...['--export', `type=fuse,id=e,node-name=lw,mountpoint=${files.disk},writable=on`],
    ],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  )
}

async function exported(disk: string, daemon: ChildProcess): Promise<void> {
  for (let tries = 0; tries < 200; tries += 1) {
    if (daemon.exitCode !== null) throw new Error(`qemu-storage-daemon ended with ${daemon.exitCode}`)
    if (statSync(disk).size > 0) return
    await pause(50)
  }
  throw new Error('qemu-storage-daemon exported nothing within 10 s')
}

async function stop(daemon: ChildProcess): Promise<void> {
  if (daemon.exitCode !== null || daemon.signalCode !== null) return
  const ended = once(daemon, 'exit')
  daemon.kill('SIGTERM')
  await ended
}

/** Writes single sectors past the page cache. The buffer must begin at a sector's boundary of the memory, which is found by trying. */
function openMarker(device: string) {
  const file = openSync(device, constants.O_RDWR | constants.O_DIRECT)
  const room = Buffer.alloc(1024 * 1024)
  const write = (offset: number, number: number): void => {
    const sector = room.subarray(offset, offset + SECTOR_BYTES)
    sector.write(MARK, 0, 'latin1')
    sector.writeBigUInt64LE(BigInt(number), 8)
    writeSync(file, sector, 0, SECTOR_BYTES, MARKS_AT + (number % 1024) * SECTOR_BYTES)
  }
  const aligned = Array.from({ length: 256 }, (_, index) => index * 16).find((offset) => {
    try {
      write(offset, 0)
      return true
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'EINVAL') return false
      throw error
    }
  })
  if (aligned === undefined) throw new Error('no sector of memory is aligned for a direct write')
  return { write: (number: number) => write(aligned, number), close: () => closeSync(file) }
}
