import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { SlowDiskMeasured } from './committing-buses.js'

/** What a flash card of a concentrator may take longer than this machine's disk. */
export const slowedByMs = 30

/** Every fsync and fdatasync of the process takes 30 ms longer. */
const shim = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>
static void wait_longer(void) {
  struct timespec longer = {0, ${slowedByMs} * 1000000L};
  nanosleep(&longer, 0);
}
int fsync(int fd) {
  wait_longer();
  return ((int (*)(int))dlsym(RTLD_NEXT, "fsync"))(fd);
}
int fdatasync(int fd) {
  wait_longer();
  return ((int (*)(int))dlsym(RTLD_NEXT, "fdatasync"))(fd);
}
`

/** Runs `committing-buses` in a process whose disk is slow. @returns null where there is no gcc */
export async function measureWithSlowDisk(durationMs: number): Promise<SlowDiskMeasured | null> {
  const folder = mkdtempSync(join(tmpdir(), 'wattkeep-slow-disk-'))
  try {
    const [source, library] = [join(folder, 'slow.c'), join(folder, 'slow.so')]
    writeFileSync(source, shim)
    const compiled = spawnSync('gcc', ['-shared', '-fPIC', '-O1', '-o', library, source, '-ldl'], {
      stdio: ['ignore', 'inherit', 'inherit'],
    })
    if (compiled.status !== 0) return null
    const program = fileURLToPath(new URL('./committing-buses.js', import.meta.url))
    const child = spawn(process.execPath, [program, String(durationMs), join(folder, 'store.db')], {
      env: { ...process.env, LD_PRELOAD: library },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const lines: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => lines.push(chunk))
    const [status]: readonly unknown[] = await once(child, 'close')
    if (status !== 0) throw new Error(`committing-buses ended with ${String(status)}`)
    return JSON.parse(Buffer.concat(lines).toString()) as SlowDiskMeasured
  } finally {
    rmSync(folder, { recursive: true })
  }
}
