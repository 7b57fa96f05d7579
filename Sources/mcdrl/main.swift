import Command

MCDRLCommand.main()
