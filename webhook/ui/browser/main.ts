import { startActions } from './actions.js'
import { startBlocked } from './blocked.js'
import { startFormCommands } from './form-commands.js'
import { startGrid } from './grid.js'
import { startImport } from './import.js'
import { startLive } from './live.js'
import { startRules } from './rule-form.js'
import { startSimulation } from './simulation.js'
import { startButtons, startNavigation, startSides, startSliders, startTour } from './small.js'

document.documentElement.classList.add('js')
// First: it notes what the server sent, before the others change it.
startLive()
startActions()
startBlocked()
startButtons()
startGrid()
startImport()
startNavigation()
startRules()
startSides()
startSliders()
startTour()
startSimulation()
startFormCommands()
