print("cartoonize")
