-- flood has moved into the section antiflood
return function(config)
  if config.flood then
    config.antiflood.max = config.flood
    config.flood = nil
  end
end
