return {
  limit = 3,
}
