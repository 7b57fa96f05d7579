print("mcdrl")
