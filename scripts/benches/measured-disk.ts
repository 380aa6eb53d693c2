import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { onExit } from '../on-exit.js'

/** A place to write to, and what really reached the disk below it. */
export interface MeasuredDisk {
  readonly folder: string
  /** How it is measured, for people. */
  readonly method: string
  /** Everything written so far, forced out first. */
  written(): number
  close(): void
}

/**
 * A file system of its own on a loop device, whose sectors are counted: the file system's own journal is included. Without the right
 * to mount, the kernel's count of what this process caused to be written has to do; it misses the journal.
 */
export function openMeasuredDisk(megabytes: number): MeasuredDisk {
  const folder = mkdtempSync(join(tmpdir(), 'wattkeep-disk-'))
  if (process.getuid?.() !== 0 || !existsSync('/dev/loop-control')) return countedProcess(folder)
  const image = join(folder, 'disk.img')
  const mount = join(folder, 'mount')
  let device = ''
  try {
    execFileSync('truncate', ['-s', `${megabytes}M`, image])
    device = execFileSync('losetup', ['-f', '--show', image], { encoding: 'utf8' }).trim()
    execFileSync('mkfs.ext4', ['-q', '-E', 'lazy_itable_init=0,lazy_journal_init=0', device])
    mkdirSync(mount)
    execFileSync('mount', [device, mount])
  } catch (error) {
    if (device !== '') execFileSync('losetup', ['-d', device])
    console.error(`no file system of its own: ${error instanceof Error ? error.message : String(error)}`)
    return countedProcess(folder)
  }
  return {
    folder: mount,
    method: 'sectors of an ext4 of its own on a loop device, journal included',
    written: () => {
      execFileSync('sync', ['-f', mount])
      const fields = readFileSync(`/sys/block/${basename(device)}/stat`, 'utf8')
        .trim()
        .split(/\s+/)
      return Number(fields[6]) * 512
    },
    close: onExit(() => {
      execFileSync('umount', ['-l', mount])
      execFileSync('losetup', ['-d', device])
      rmSync(folder, { recursive: true })
    }),
  }
}

function countedProcess(folder: string): MeasuredDisk {
  return {
    folder,
    method: 'write_bytes of this process, without the file system’s journal',
    written: () => Number(/^write_bytes: (\d+)$/m.exec(readFileSync('/proc/self/io', 'utf8'))?.[1] ?? '0'),
    close: () => rmSync(folder, { recursive: true }),
  }
}
