import { tenthOfArea, wholeArea } from './large-area.js'
import { runLargeArea } from './large-area-run.js'

const [, , seed, scale, days] = process.argv
const chosen = scale === 'whole' ? wholeArea : tenthOfArea
const figures = await runLargeArea(Number(seed), { ...chosen, days: Number(days ?? chosen.days) })
const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage()
const own = { cpuSeconds: Math.round((userCPUTime + systemCPUTime) / 1e6), peakMegabytes: Math.round(maxRSS / 1024) }
process.stdout.write(JSON.stringify({ figures, process: own }))
