// Help before libtorch starts. Programs that link this target have nothing to call.
