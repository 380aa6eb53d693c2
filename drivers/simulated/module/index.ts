/** The far end of Q/GDW 1376.2: carrier and radio modules with their networks. */
export { figuresOf, moduleMedia } from './figures.js'
export type { MediumFigures, ModuleMedium } from './figures.js'
export { SimulatedModule } from './module.js'
export type { ModuleOptions } from './module.js'
export { moduleVendors, noModuleFaults, noModuleQuirks } from './quirks.js'
export type { ModuleEvent, ModuleFaults, ModuleQuirks } from './quirks.js'
