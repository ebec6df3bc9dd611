return function(config)
  config.welcome.on, config.welcome.enabled = config.welcome.enabled, nil
end
