// The command mcdrl, with one method more.
import Command
import Segmentation

MCDRLCommand.main(methods: .builtIn.adding(VREx.self))
