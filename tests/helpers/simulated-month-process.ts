import { runMonth } from './simulated-month.js'

const [, , seed, days] = process.argv
process.stdout.write(JSON.stringify(await runMonth(Number(seed), Number(days))))
