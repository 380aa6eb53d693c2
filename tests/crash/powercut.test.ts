import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const program = fileURLToPath(new URL('../../scripts/power-cut/main.js', import.meta.url))
const points = process.env['WATTKEEP_POWER_CUTS'] ?? '25'

function powercut(...options: string[]): { readonly status: number; readonly text: string } {
  try {
    return {
      status: 0,
      text: execFileSync(process.execPath, [program, ...options], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }),
    }
  } catch (error) {
    if (!(error instanceof Error && 'status' in error && 'stdout' in error)) throw error
    return { status: Number(error.status), text: String(error.stdout) }
  }
}

await t.test(
  'lesson 23: power cuts at the level of blocks lose nothing acknowledged, and the drill sees what weaker commits lose',
  async (t) => {
    const full = powercut('--points', points)
    if (full.status === 3) {
      t.pass('power cuts', { skip: full.text.trim() })
      return
    }
    t.comment(full.text)
    t.equal(full.status, 0, full.text)
    const normal = powercut('--points', points, '--synchronous', 'NORMAL')
    t.equal(normal.status, 0, normal.text)
    t.match(normal.text, /[1-9]\d* lost something acknowledged/)
  },
)
