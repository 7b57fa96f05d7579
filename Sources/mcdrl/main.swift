import CHelp
import Command

MCDRLCommand.main()
