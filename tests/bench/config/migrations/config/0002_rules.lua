-- rules_text is rules; words are lower case
return function(config)
  if config.rules_text then
    config.rules, config.rules_text = config.rules_text, nil
  end
  for i, word in ipairs(config.filters.words) do
    config.filters.words[i] = word:lower()
  end
  if config.welcome.on then
    table.insert(config.filters.words, "t.me")
  end
end
