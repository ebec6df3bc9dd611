/* host_data.c - see host_data.h. */
#include "bot/host_data.h"

#include "bot/recorder_rows.h"
#include "bot/script_db.h"
#include "bot/stores.h"

void host_open_data(struct host *host)
{
    const struct settings *s = host->settings;

    host->script_db =
        script_db_new(host->loop,
                      &(struct script_db_options){
                          .url = s->database_url,
                          .schema = s->database_schema,
                          .prepare = s->database_prepare,
                          .require_ssl = s->on_heroku,
                          .connections = s->database_script_connections,
                          .timeout_ms = s->database_script_timeout_ms,
                          .rows_max = s->database_script_rows,
                          .bytes_max = (size_t)s->database_script_kb << 10,
                      });
    if (host->recorder)
        host->recorder_rows =
            recorder_rows_new(host->recorder, host->pg, tg_bot_id(host->tg));
    host->stores =
        stores_new(host->loop, host->pg,
                   &(struct stores_options){
                       .configs = host->store,
                       .value_max = (size_t)s->store_value_kb << 10,
                       .keys_max = s->store_keys,
                       .touches = host->recorder ? recorder_rows_store : NULL,
                       .arg = host->recorder_rows,
                   });
    host->services.db = script_db_desk(host->script_db);
    host->services.stores = stores_desk(host->stores);
}

void host_start_data(struct host *host)
{
    stores_start(host->stores);
}

void host_close_data(struct host *host)
{
    host->services.db = NULL;
    host->services.stores = NULL;
    script_db_free(host->script_db);
    stores_free(host->stores);
    recorder_rows_free(host->recorder_rows);
    host->recorder_rows = NULL;
    host->script_db = NULL;
    host->stores = NULL;
}
