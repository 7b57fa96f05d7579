// The command mcdrl, with one method more.
// snippet: command
import Command
import Segmentation

// snippet: registry
let methods = MethodRegistry.builtIn.adding(VREx.self)
// end
MCDRLCommand.main(methods: methods)
// end
