return {
  on = true,
  text = "Welcome!",
  delete_after = 0,
}
