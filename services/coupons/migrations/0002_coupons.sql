-- Coupons: codes that award credits or lower the next price due.

create function set_updated_at() returns trigger language plpgsql as $$
begin
  new.updated_at := clock_timestamp();
  return new;
end $$;

create table coupon_codes (
  id bigint generated always as identity primary key,
  code text not null unique check (code = upper(code) and length(code) between 3 and 64),
  coupon_type text not null check (coupon_type in ('free_month', 'credit_bonus', 'percentage_discount', 'fixed_discount')),
  value numeric(28, 12) not null check (value > 0 and (coupon_type <> 'percentage_discount' or value <= 100)),
  description text,
  max_uses int check (max_uses >= 1),
  used_count int not null default 0 check (used_count >= 0),
  expires_at timestamptz,
  is_active boolean not null default true,
  created_by text not null,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  check (used_count <= max_uses)
) with (fillfactor = 70);
create trigger coupon_codes_updated before update on coupon_codes for each row execute function set_updated_at();
comment on table coupon_codes is 'The coupons. They belong to a code, not to a user';
comment on column coupon_codes.id is 'The order in which they were made';
comment on column coupon_codes.code is 'In upper case; looked up in any case';
comment on column coupon_codes.coupon_type is 'credit_bonus awards credits; the others lower the next price due';
comment on column coupon_codes.value is 'Credits, or percent';
comment on column coupon_codes.description is 'For people';
comment on column coupon_codes.max_uses is 'How often it may be redeemed; null: without limit';
comment on column coupon_codes.used_count is 'How often it was redeemed';
comment on column coupon_codes.expires_at is 'Not redeemed at or after';
comment on column coupon_codes.is_active is 'False: ended by an admin';
comment on column coupon_codes.created_by is 'Who made it';
comment on column coupon_codes.created_at is 'When';
comment on column coupon_codes.updated_at is 'When it last changed';

create table coupon_redemptions (
  code text not null references coupon_codes (code),
  user_id text not null check (length(user_id) between 1 and 255),
  id uuid not null unique,
  credits_awarded numeric(28, 12) not null check (credits_awarded >= 0),
  metadata jsonb not null,
  redeemed_at timestamptz not null,
  primary key (code, user_id)
);
create index coupon_redemptions_by_user on coupon_redemptions (user_id);
comment on table coupon_redemptions is 'Who redeemed what, once each';
comment on column coupon_redemptions.code is 'The coupon';
comment on column coupon_redemptions.user_id is 'Who';
comment on column coupon_redemptions.id is 'The redemption = its event = what credits applies once';
comment on column coupon_redemptions.credits_awarded is 'The credits of a bonus; 0 of the others';
comment on column coupon_redemptions.metadata is 'What the caller wants kept';
comment on column coupon_redemptions.redeemed_at is 'When';

create view active_coupons as
  select code, coupon_type, value, max_uses - used_count as remaining_uses, expires_at, created_by, created_at
  from coupon_codes
  where is_active and (expires_at is null or expires_at > now()) and (max_uses is null or used_count < max_uses);
comment on view active_coupons is 'The coupons that could be redeemed now';
comment on column active_coupons.code is 'The code';
comment on column active_coupons.coupon_type is 'What it does';
comment on column active_coupons.value is 'Credits, or percent';
comment on column active_coupons.remaining_uses is 'How often it may still be redeemed; null: without limit';
comment on column active_coupons.expires_at is 'Not redeemed at or after';
comment on column active_coupons.created_by is 'Who made it';
comment on column active_coupons.created_at is 'When';
