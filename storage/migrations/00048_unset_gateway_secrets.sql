-- +goose Up

-- A gateway that is called by HTTP needs a RADIUS secret only for its accounting, if it
-- sends any. Without one, the row has a random secret that no one knows, so that no
-- RADIUS server takes the row for a client without a secret, or leaves it out and
-- accepts the secret of a larger network.
ALTER TABLE radius.nas ADD COLUMN secret_unset boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN radius.nas.secret_unset IS 'whether the secret is a random one that no one knows, because none was set';

-- +goose StatementBegin
CREATE OR REPLACE FUNCTION radius.gateway_secret_set() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.secret IS DISTINCT FROM OLD.secret AND OLD.secret_unset THEN
        NEW.secret_unset := false;
    END IF;
    IF NEW.secret_unset THEN
        NEW.secret_set_at := NULL;
    ELSIF TG_OP = 'INSERT' OR NEW.secret IS DISTINCT FROM OLD.secret THEN
        NEW.secret_set_at := clock_timestamp();
    ELSE
        NEW.secret_set_at := OLD.secret_set_at;
    END IF;
    IF NEW.url_secret IS NULL THEN
        NEW.url_secret_set_at := NULL;
    ELSIF TG_OP = 'INSERT' OR NEW.url_secret IS DISTINCT FROM OLD.url_secret THEN
        NEW.url_secret_set_at := clock_timestamp();
    ELSE
        NEW.url_secret_set_at := OLD.url_secret_set_at;
    END IF;
    RETURN NEW;
END
$$;
-- +goose StatementEnd

-- The service made up secrets of 26 letters and digits.
UPDATE radius.nas
SET secret_unset = true
WHERE url IS NOT NULL AND secret ~ '^[A-Z2-7]{26}$';
