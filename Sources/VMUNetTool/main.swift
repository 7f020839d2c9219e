print("vmunet")
