import { parseArgs } from 'node:util'
import { tellStory } from './story.js'

const usage = `usage: scripts/demo [--for SECONDS]

Runs the main job on this machine alone, in about a minute: 40 simulated meters on two buses are read; a customer runs out of
credit, is warned and cut, pays at the master, may close and closes; the network is taken away and comes back; all is delivered
once. Broker, master station and meters are built in; the daemon is the real one, in a process of its own.

  --for SECONDS   keep it running until so many seconds after the start (default: end with the story)
`

/** A story that hangs is ended with its reason. */
const hangMsMax = 180_000

await main()

async function main(): Promise<void> {
  const options = readOptions()
  if (options === null) return
  const guard = setTimeout(() => {
    process.stderr.write(`demo: gave up after ${hangMsMax / 1000} s\n`)
    process.exit(1)
  }, hangMsMax + options.forMs)
  const startedAt = performance.now()
  const say = (line: string): void => {
    process.stdout.write(`${((performance.now() - startedAt) / 1000).toFixed(1).padStart(6)} s  ${line}\n`)
  }
  try {
    const isGood = await tellStory({ say, until: () => startedAt + options.forMs })
    process.exitCode = isGood ? 0 : 1
  } catch (error) {
    process.stderr.write(`demo: ${error instanceof Error ? error.message : String(error)}\n`)
    process.exitCode = 1
  }
  clearTimeout(guard)
  process.exit()
}

function readOptions(): { readonly forMs: number } | null {
  try {
    const { values } = parseArgs({ options: { for: { type: 'string' }, help: { type: 'boolean', short: 'h' } } })
    if (values.help === true) {
      process.stdout.write(usage)
      return null
    }
    const seconds = Number(values.for ?? '0')
    if (!Number.isFinite(seconds) || seconds < 0 || seconds > 86_400)
      throw new Error(`--for: expected 0 to 86400 seconds, got ${values.for ?? ''}`)
    return { forMs: seconds * 1000 }
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`)
    process.exitCode = 2
    return null
  }
}
