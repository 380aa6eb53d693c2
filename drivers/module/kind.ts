import type { MeshModule } from '../../src/ports/index.js'
import type { DownUnit } from '../../src/protocols/gdw1376/index.js'
import type { Medium, ModuleProfile } from './settings.js'

/** A family of modules: what `drivers/plc` and `drivers/wireless` say to the machine that they share. */
export interface ModuleKind {
  readonly name: string
  /** Communication modes tried, one after the other, on a module that has not spoken yet. @source facts §2.1 */
  readonly modes: readonly number[]
  /** Taken before the module has said what it is. */
  readonly mediumGuess: Medium
  readonly profileOf: (medium: Medium) => ModuleProfile
  /** Commands that this medium wants at each start, after the main node's address and before the archive; a refusal is reported and no hindrance. */
  readonly prepare?: (module: MeshModule) => readonly DownUnit[]
}
