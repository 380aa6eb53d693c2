export { loadSettings, problemLines } from './load-settings.js'
export { applyParameterSet, parseParameterSet } from './parameter-sets.js'
export type { ParameterContext, ParameterSet } from './parameter-sets.js'
export { canonicalJson, parametersHash } from './parameters-hash.js'
export { Secret, noSecrets } from './secrets.js'
export type { BrokerLogin, Secrets } from './secrets.js'
export { loadModbusMap } from './modbus-maps.js'
export { checkSite, readParameterFile } from './single-files.js'
export { settingsJsonSchema } from './json-schema.js'
export type {
  ConsoleSettings,
  DatabaseSettings,
  LinkCheck,
  LinkSettings,
  LogLevel,
  MapCheck,
  MasterSettings,
  ProtocolCheck,
  Settings,
  SettingsChecks,
  WatchdogSettings,
} from './settings.js'
