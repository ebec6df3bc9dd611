return function(config)
  config.warn.limit, config.warn_limit = config.warn_limit, nil
end
