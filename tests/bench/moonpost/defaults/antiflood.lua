return { max = 5 }
