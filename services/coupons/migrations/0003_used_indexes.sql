-- Nothing asks for the redemptions of a user: they are found by code and user, or walked by id.

drop index coupon_redemptions_by_user;

comment on function set_updated_at is 'Sets updated_at to the time of the change';
